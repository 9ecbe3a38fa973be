# %% data-index-parse
from needle.data.idx import parse_idx


# %% data-index-read
from needle.data.idx import read_idx


# %% data-index-dataset
from needle.data.dataset import Dataset, NDArrayDataset


# %% data-index-mnist
from needle.data.dataset import MNISTDataset


# %% data-index-flip
from needle.data.transforms import RandomFlipHorizontal


# %% data-index-crop
from needle.data.transforms import RandomCrop


# %% data-index-loader
from needle.data.loader import DataLoader
