"""Engines behind OpenAI's HTTP interface: vLLM, llama.cpp, Ollama, Cerebras, Azure and others."""
