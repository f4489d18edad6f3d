"""Prints how many views per second torchvision makes of 32 px PIL images on one core; see augmentation.rs.

    /tmp/venv/bin/python benches/augmentation_torchvision.py
"""

import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

SIZE, PICTURES, VIEWS, ROUNDS = 32, 256, 2000, 3

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
pictures = [Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)) for _ in range(PICTURES)]
strength = 0.5
pipeline = transforms.Compose([
    transforms.RandomResizedCrop(SIZE, interpolation=InterpolationMode.BICUBIC),
    transforms.RandomHorizontalFlip(),
    transforms.RandomApply([transforms.ColorJitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)], 0.8),
    transforms.RandomGrayscale(0.2),
    transforms.ToTensor(),
])
best = 0.0
for _ in range(ROUNDS):
    start = time.perf_counter()
    for number in range(VIEWS):
        pipeline(pictures[number % PICTURES])
    best = max(best, VIEWS / (time.perf_counter() - start))
print(best)
