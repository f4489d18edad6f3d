"""PyTorch's side of `cargo bench --bench training`: whole trainings, each with one difference from ablate's.

    python benches/training/training.py FOLDER same,float64,...

FOLDER holds what main.rs wrote: `case.json`, `weights.safetensors` (torchvision's names), `images.u8`
`[images, size, size, 3]`, `order.u32` `[epochs, images]`, and for both views of every image in every epoch `views.f32`
`[epochs, 2, images, size, size, 3]` and their random numbers `draws.f32` `[epochs, 2, images, 15]`. For each way of
training a line of its name and the mean loss of each epoch is printed.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.transforms import InterpolationMode, functional

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "pytorch"))
from pytorch import ResNet, load, nt_xent  # noqa: E402

# What differs, by the way's name; without any, all is as in ablate but that PyTorch computes.
WAYS = {
    "same": set(),
    "float64": {"float64"},
    "perturbed": {"perturbed"},
    "bytes": {"bytes"},
    "views": {"views"},
    "torchvision": {"torchvision"},
    "torchvision-drawn": {"drawn"},
    "order": {"order"},
    "weights": {"weights"},
    "weights-he": {"weights-he"},
    "head": {"head"},
    "decay": {"decay"},
    "shift": {"shift"},
    "rate": {"rate"},
    "rest": {"rest"},
    "running": {"running"},
    "loop": {"torchvision", "order", "weights", "decay", "shift"},
}


class Data:
    """What main.rs wrote, views as `[n, 3, size, size]`."""

    def __init__(self, folder):
        self.folder = folder
        self.case = json.load(open(f"{folder}/case.json"))
        self.images, size, self.epochs = (self.case[name] for name in ("images", "size", "epochs"))
        self.pictures = np.fromfile(f"{folder}/images.u8", np.uint8).reshape(-1, size, size, 3)
        self.order = np.fromfile(f"{folder}/order.u32", "<u4").astype(np.int64).reshape(self.epochs, -1)
        views = np.memmap(f"{folder}/views.f32", "<f4", "r")
        self.views = views.reshape(self.epochs, 2, self.images, size, size, 3)
        self.draws = np.fromfile(f"{folder}/draws.f32", "<f4").reshape(self.epochs, 2, self.images, 15)

    def epoch(self, number, differences):
        """Both views of all images in an epoch, `[2, images, size, size, 3]`."""
        if "views" in differences:
            return self.views[(number + 1) % self.epochs]
        if "torchvision" in differences:
            transform = pipeline(self.case)
            views = [[np.asarray(transform(Image.fromarray(p))) for p in self.pictures] for _ in range(2)]
            return np.float32(views) / 255
        if "drawn" in differences:
            views = [[drawn(p, draw) for p, draw in zip(self.pictures, draws)] for draws in self.draws[number]]
            return np.float32(views) / 255
        if "bytes" in differences:
            return np.rint(self.views[number] * 255).astype(np.float32) / 255
        return self.views[number]


def pipeline(case):
    """torchvision's transformations with the recipe's settings."""
    reach = 0.8 * case["strength"]
    return transforms.Compose([
        transforms.RandomResizedCrop(case["size"], case["area"], case["aspect"], InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.RandomApply([transforms.ColorJitter(reach, reach, reach, reach / 4)], 0.8),
        transforms.RandomGrayscale(0.2),
    ])


def drawn(picture, draw):
    """torchvision's operations on a picture of 8 bits, with ablate's random numbers."""
    top, left, height, width, flips, jitters, brightness, contrast, saturation, hue, *order, gray = draw
    size = picture.shape[:2]
    box = (int(top), int(left), int(height), int(width))
    image = functional.resized_crop(Image.fromarray(picture), *box, size, InterpolationMode.BICUBIC)
    if flips:
        image = functional.hflip(image)
    for adjustment in order if jitters else []:
        if adjustment == 0:
            image = functional.adjust_brightness(image, float(brightness))
        elif adjustment == 1:
            image = functional.adjust_contrast(image, float(contrast))
        elif adjustment == 2:
            image = functional.adjust_saturation(image, float(saturation))
        else:
            image = functional.adjust_hue(image, float(hue))
    return np.asarray(functional.rgb_to_grayscale(image, 3) if gray else image)


def rate(case, step, per_epoch):
    """Linear warm-up, then cosine decay to zero, by steps."""
    warmup, total = case["warmup_epochs"] * per_epoch, case["epochs"] * per_epoch
    if step < warmup:
        return case["peak"] * step / warmup
    return case["peak"] * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def network_of(data, differences):
    case = data.case
    network = ResNet(case["channels"], case["blocks"], case["expansion"], case["stem"], case["dimension"])
    if "weights" in differences or "weights-he" in differences:
        # PyTorch's own, and with "-he" those that torchvision gives its ResNets' convolutions.
        for module in network.modules():
            if "weights-he" in differences and isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if case["zero_init_residual"]:
            blocks = [module for module in network.modules() if hasattr(module, "bn2")]
            for block in blocks:
                nn.init.zeros_((block.bn3 if hasattr(block, "bn3") else block.bn2).weight)
    else:
        load(network, f"{data.folder}/weights.safetensors")
    if "head" in differences:
        for layer in (network.projection[0], network.projection[3]):
            layer.reset_parameters()
    if "perturbed" in differences:
        with torch.no_grad():
            for parameter in network.parameters():
                # About one unit in the last place of float32.
                parameter *= 1 + 1e-7 * torch.randn_like(parameter)
    if "shift" in differences:
        network.projection[4].bias.requires_grad_(True)
    if "running" in differences:
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.momentum = 0.5
    return network.to(torch.float64 if "float64" in differences else torch.float32, memory_format=torch.channels_last)


def train(data, differences):
    """The mean loss of each epoch."""
    case = data.case
    torch.manual_seed(case["seed"])
    network = network_of(data, differences)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decays = [parameter for parameter in trained if parameter.dim() > 1 or "decay" in differences]
    spared = [parameter for parameter in trained if parameter.dim() == 1 and "decay" not in differences]
    optimizer = torch.optim.SGD(
        [{"params": decays, "weight_decay": case["weight_decay"]}, {"params": spared}], lr=0.0, momentum=case["momentum"]
    )
    batch = case["batch_size"]
    end = data.images if "rest" in differences else data.images // batch * batch
    starts = range(0, end, batch)
    losses = []
    for epoch in range(data.epochs):
        views = data.epoch(epoch, differences)
        order = torch.randperm(data.images).numpy() if "order" in differences else data.order[epoch]
        sum = 0.0
        for index, start in enumerate(starts):
            step = epoch * len(starts) + index
            if "rate" in differences:
                # Once per epoch: what the curve has in its middle.
                step = epoch * len(starts) + len(starts) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate(case, step, len(starts))
            pair = torch.from_numpy(np.concatenate(views[:, order[start : min(start + batch, end)]]))
            z = network(pair.to(next(network.parameters()).dtype).permute(0, 3, 1, 2))
            loss = nt_xent(z, case["temperature"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sum += loss.item()
        losses.append(sum / len(starts))
    return losses


def main():
    folder, ways = sys.argv[1:]
    torch.set_num_threads(1)
    data = Data(folder)
    for way in ways.split(","):
        print(way, *train(data, WAYS[way]), flush=True)


main()
