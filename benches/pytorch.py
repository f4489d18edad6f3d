"""One side of `cargo bench --bench pytorch`: training steps in PyTorch, eager, float32, on two threads.

    python benches/pytorch.py FOLDER channels_last|contiguous

FOLDER holds `weights.safetensors` (torchvision's names), `views.f32` and `case.json`, as pytorch.rs writes them. Each
line on standard input asks for so many steps; the answer is the seconds they took, the last loss and the largest
resident set so far in bytes.
"""

import json
import resource
import struct
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + start : 8 + length + end], dtype="<f4")
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)).add_(shortcut), inplace=True)


class ResNet(nn.Module):
    """Blocks of two convolutions behind a 3 x 3 stem, as torchvision names them, and SimCLR's head."""

    def __init__(self, channels, blocks, dimension):
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        inputs = channels[0]
        self.stages = len(channels)
        for stage, (outputs, count) in enumerate(zip(channels, blocks), 1):
            layers = []
            for block in range(count):
                layers.append(Block(inputs, outputs, 2 if stage > 1 and block == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.projection = nn.Sequential(
            nn.Linear(inputs, inputs, bias=False),
            nn.BatchNorm1d(inputs),
            nn.ReLU(inplace=True),
            nn.Linear(inputs, dimension, bias=False),
            nn.BatchNorm1d(dimension),
        )
        self.projection[4].bias.requires_grad_(False)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.projection(x.mean((2, 3)))


def nt_xent(z, temperature):
    z = F.normalize(z)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    views = len(z)
    partners = (torch.arange(views) + views // 2) % views
    return F.cross_entropy(logits, partners)


def main():
    folder, layout = sys.argv[1:]
    case = json.load(open(f"{folder}/case.json"))
    torch.set_num_threads(case["threads"])
    network = ResNet(case["channels"], case["blocks"], case["dimension"])
    weights = read_safetensors(f"{folder}/weights.safetensors")
    places = {"0.linear": "0", "0.norm": "1", "1.linear": "3", "1.norm": "4"}
    for place, number in places.items():
        for name in [name for name in weights if name.startswith(f"projection.{place}.")]:
            weights[name.replace(place, number)] = weights.pop(name)
    # The last normalization has no shift in ablate, and PyTorch's starts at zero.
    untold = network.load_state_dict(weights, strict=False)
    assert not untold.unexpected_keys, untold
    assert all(n.endswith("num_batches_tracked") or n == "projection.4.bias" for n in untold.missing_keys), untold
    size = case["size"]
    views = torch.from_numpy(np.fromfile(f"{folder}/views.f32", dtype="<f4").reshape(-1, size, size, 3))
    # The values lie channels last in the file; `contiguous` copies them.
    views = views.permute(0, 3, 1, 2)
    if layout == "contiguous":
        views = views.contiguous()
    else:
        network = network.to(memory_format=torch.channels_last)
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() == 1 and p.requires_grad]
    optimizer = torch.optim.SGD(
        [{"params": matrices, "weight_decay": case["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}],
        lr=case["learning_rate"],
        momentum=case["momentum"],
    )
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = nt_xent(network(views), case["temperature"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            value = loss.item()
        seconds = time.perf_counter() - start
        print(seconds, value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)


main()
