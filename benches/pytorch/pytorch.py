"""One side of `cargo bench --bench pytorch`: training steps in PyTorch, eager or compiled.

    python benches/pytorch/pytorch.py FOLDER channels_last|contiguous|compiled

FOLDER holds `weights.safetensors` (torchvision's names), `views.f32` and `case.json`, as case.rs writes them; the case
says on which device and in what precision. Each line on standard input says how many steps go before and how many are
timed; the answer is the seconds those took, the last loss, and the most bytes so far of tensors and held in all: the
GPU's, or the largest resident set. The line `ceiling` asks for the operations per second of a large matrix product.
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

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


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


class Basic(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(inputs, channels, stride)

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)).add_(around), inplace=True)


class Bottleneck(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.downsample = shortcut(inputs, 4 * channels, stride)

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)).add_(around), inplace=True)


def shortcut(inputs, outputs, stride):
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """Residual blocks as torchvision names them, behind the stem for CIFAR or for ImageNet, and SimCLR's head."""

    def __init__(self, channels, blocks, expansion, stem, dimension):
        super().__init__()
        self.pooled = stem == "ImageNet"
        kernel, stride = (7, 2) if self.pooled else (3, 1)
        self.conv1 = nn.Conv2d(3, channels[0], kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        inputs = channels[0]
        self.stages = len(channels)
        kind = Basic if expansion == 1 else Bottleneck
        for stage, (width, count) in enumerate(zip(channels, blocks), 1):
            layers = []
            for block in range(count):
                layers.append(kind(inputs, width, 2 if stage > 1 and block == 0 else 1))
                inputs = expansion * width
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
        if self.pooled:
            x = F.max_pool2d(x, 3, 2, 1)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.projection(x.mean((2, 3)))


def nt_xent(z, temperature):
    z = F.normalize(z)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    views = len(z)
    partners = (torch.arange(views, device=z.device) + views // 2) % views
    return F.cross_entropy(logits, partners)


def load(network, path):
    weights = read_safetensors(path)
    places = {"0.linear": "0", "0.norm": "1", "1.linear": "3", "1.norm": "4"}
    for place, number in places.items():
        for name in [name for name in weights if name.startswith(f"projection.{place}.")]:
            weights[name.replace(place, number)] = weights.pop(name)
    # The last normalization has no shift in ablate, and PyTorch's starts at zero.
    untold = network.load_state_dict(weights, strict=False)
    assert not untold.unexpected_keys, untold
    assert all(n.endswith("num_batches_tracked") or n == "projection.4.bias" for n in untold.missing_keys), untold


def ceiling(device, precision):
    """The fastest of five rounds of products of random matrices."""
    size, products = (8192, 10) if device == "cuda" else (512, 3)
    a, b = (torch.randn(size, size, device=device).to(precision) for _ in range(2))
    seconds = []
    for _ in range(6):
        finish(device)
        start = time.perf_counter()
        for _ in range(products):
            a @ b
        finish(device)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 * products / min(seconds[1:])


def finish(device):
    if device == "cuda":
        torch.cuda.synchronize()


def memory(device):
    if device == "cuda":
        return f"{torch.cuda.max_memory_allocated()} {torch.cuda.max_memory_reserved()}"
    return f"nan {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}"


def main():
    folder, way = sys.argv[1:]
    case = json.load(open(f"{folder}/case.json"))
    device, precision = case["device"], PRECISIONS[case["precision"]]
    torch.set_num_threads(case["threads"])
    # Of no effect on the CPU. Operands of float32 stay whole, as in ablate.
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    network = ResNet(case["channels"], case["blocks"], case["expansion"], case["stem"], case["dimension"])
    load(network, f"{folder}/weights.safetensors")
    size = case["size"]
    views = torch.from_numpy(np.fromfile(f"{folder}/views.f32", dtype="<f4").reshape(-1, size, size, 3))
    # The values lie channels last in the file; `contiguous` copies them.
    views = views.permute(0, 3, 1, 2)
    if way == "contiguous":
        views = views.contiguous()
    else:
        network = network.to(memory_format=torch.channels_last)
    network, views = network.to(device), views.to(device)
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() == 1 and p.requires_grad]
    optimizer = torch.optim.SGD(
        [{"params": matrices, "weight_decay": case["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}],
        lr=case["learning_rate"],
        momentum=case["momentum"],
    )

    def objective(views):
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            z = network(views)
        return nt_xent(z.float(), case["temperature"])

    if way == "compiled":
        objective = torch.compile(objective)
    for line in sys.stdin:
        if line.strip() == "ceiling":
            print(ceiling(device, precision), flush=True)
            continue
        untimed, steps = map(int, line.split())
        start = time.perf_counter()
        for step in range(untimed + steps):
            if step == untimed:
                finish(device)
                start = time.perf_counter()
            loss = objective(views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            value = loss.item()
        finish(device)
        seconds = time.perf_counter() - start
        print(seconds, value, memory(device), flush=True)
        if device == "cuda":
            # The others have the memory while this side waits.
            del loss
            optimizer.zero_grad()
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
