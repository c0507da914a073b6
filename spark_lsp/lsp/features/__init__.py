"""One file per LSP method. The functions take the parts that they need; `routes` passes them."""
