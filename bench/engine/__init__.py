"""What an engine costs: needle beside hand-written NumPy, PyTorch, JAX and HIPS autograd."""
