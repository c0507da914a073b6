"""The gateway as a fleet of processes on Ray Serve, for more users than one process can serve.

Ray Serve starts the processes, sends each client to one of them, replaces those that fail, and changes their
number with the load. This room contains the glue only: only its modules import Ray, and only
`spark-lsp fleet` imports them.
"""
