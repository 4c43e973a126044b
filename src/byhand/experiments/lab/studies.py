"""The studies whose tables and figures are redone here, as pages cite them."""

ONE_CONV = (
    "a textbook's chapter on recognising handwritten digits with one convolution (section 14.8: "
    "8 kernels of 5×5, Adam, batches of 64, 10 epochs, one run a setting; in Chinese)"
)
DEEP_CONVNET = (
    "notes on training a network of six convolutions, what each layer keeps for backward and what "
    "to watch (after Saito's “Deep Learning from Scratch”; in Chinese)"
)
TWO_CONV = (
    "a series on a convolutional network in NumPy (two convolutions, uniform(−1, 1) start, SGD at "
    "0.1, 200 epochs on 10,000 pictures, seed 1234; 2023, in Chinese)"
)
TINY = (
    "a notebook of a convolutional network in plain functions (one 3×3 kernel, batches of 2, 2,000 "
    "steps, one run; in Chinese)"
)
