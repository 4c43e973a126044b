"""Pictures in: where they come from, how they are split, standardised and put into batches."""

from byhand.data.augment import Augmentation
from byhand.data.augment_examples import AUGMENTATION_EXAMPLES, augmentation_examples
from byhand.data.batches import SAMPLINGS, Batch, batch_indices, batches, one_hot, standardised
from byhand.data.bundled import open_digits
from byhand.data.dataset import DIGITS, Dataset, Splits
from byhand.data.download import MIRRORS, fetch_mnist
from byhand.data.fingerprint import IDX_FILES, MNIST_HASHES, MNIST_SHA256, fingerprint
from byhand.data.folder import open_folder
from byhand.data.idx import encode_idx, parse_idx, read_idx
from byhand.data.idx_set import open_idx
from byhand.data.npz import open_npz
from byhand.data.pickled import open_pickled
from byhand.data.picture_file import check_picture_size
from byhand.data.pixel_range import PixelRange, range_asked
from byhand.data.sources import DATASETS, cache_folder, find_data, mirrors_in_use, open_data
from byhand.data.split import stratified_split
from byhand.data.standardise import Standardisation

__all__ = [
    "AUGMENTATION_EXAMPLES",
    "DATASETS",
    "DIGITS",
    "IDX_FILES",
    "MIRRORS",
    "MNIST_HASHES",
    "MNIST_SHA256",
    "SAMPLINGS",
    "Augmentation",
    "Batch",
    "Dataset",
    "PixelRange",
    "Splits",
    "Standardisation",
    "augmentation_examples",
    "batch_indices",
    "batches",
    "cache_folder",
    "check_picture_size",
    "encode_idx",
    "fetch_mnist",
    "find_data",
    "fingerprint",
    "mirrors_in_use",
    "one_hot",
    "open_data",
    "open_digits",
    "open_folder",
    "open_idx",
    "open_npz",
    "open_pickled",
    "parse_idx",
    "range_asked",
    "read_idx",
    "standardised",
    "stratified_split",
]
