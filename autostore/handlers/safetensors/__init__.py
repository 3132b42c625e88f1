"""Tensors of NumPy, PyTorch and JAX by name, as .safetensors: no code, no pickle, and every library reads it."""
