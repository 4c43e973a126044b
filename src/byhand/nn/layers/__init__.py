"""The layers, a page a family; each calls its pair of kernels and holds its parameters."""
