"""The digits that scikit-learn carries, always split the same way."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def split():
    """Images of 8 x 8 pixels from 0 to 16 as rows of 64; training rows, held-out rows, and their digits."""
    digits = load_digits()
    return train_test_split(
        digits.data, digits.target, test_size=0.25, stratify=digits.target, random_state=1
    )
