"""Markdown tables of what benches/gpu.sh measured, from the stores that `ablate run` left.

    python3 benches/gpu/summary.py losses tidy.csv tidy.csv tidy.csv    first run on a GPU, second, on the processor
    python3 benches/gpu/summary.py rates STORE...                       images/s of their pretrainings, one in each
    python3 benches/gpu/summary.py made-up FOLDER                       files as CIFAR-10's, with random pixels

Wants nothing but Python's own library.
"""

import csv
import os
import pathlib
import statistics
import sys

RECORD = 3 * 32 * 32
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"


def losses(*files):
    """Losses and wall times of the same jobs in three stores."""
    stores = []
    for file in files:
        with open(file, newline="") as opened:
            rows = list(csv.DictReader(opened))
        stores.append({(row["kind"], row["precision"], row["metric"]): row for row in rows})
    print("| job | number | GPU, first process | GPU, second | processor | seconds: first | second | processor |")
    print("|---|---|---|---|---|---|---|---|")
    for key in stores[0]:
        if key[2] not in ("Loss", "Top1"):
            continue
        found = [store.get(key) for store in stores]
        cells = [f"{float(row['value']):.5f}" if row and row["value"] else "none" for row in found]
        cells += [f"{float(row['wall_seconds']):.2f}" if row and row["wall_seconds"] else "none" for row in found]
        print(f"| {key[0]}, {key[1]} | {key[2]} | {' | '.join(cells)} |")


def rates(*stores):
    """How many images a second the pretraining of each store made, by the median of its later epochs, and all together."""
    found = []
    for store in stores:
        files = list(pathlib.Path(store).glob("jobs/*/metrics.csv"))
        if len(files) != 1:
            sys.exit(f"{store} has metrics of {len(files)} jobs and not of one")
        with open(files[0], newline="") as opened:
            rows = [float(row["images_per_second"]) for row in csv.DictReader(opened)]
        # The first epoch compiles and tunes.
        if len(rows) < 2:
            sys.exit(f"{files[0]} has {len(rows)} epochs, and two are needed: give it more time")
        found.append((statistics.median(rows[len(rows) // 2 :]), len(rows)))
    epochs = [count for _, count in found]
    each = ", ".join(f"{rate:.0f}" for rate, _ in found)
    print(f"| {len(found)} | {sum(rate for rate, _ in found):.0f} | {each} | {min(epochs)} to {max(epochs)} |")


def made_up(folder):
    """As many images as CIFAR-10 has, of random pixels, in its format."""
    place = pathlib.Path(folder) / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    (place / "batches.meta.txt").write_text(CLASSES.replace(" ", "\n") + "\n")
    for name in [f"data_batch_{batch}.bin" for batch in range(1, 6)] + ["test_batch.bin"]:
        with open(place / name, "wb") as file:
            for image in range(10_000):
                file.write(bytes([image % 10]) + os.urandom(RECORD))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"losses": losses, "rates": rates, "made-up": made_up}[command](*arguments)
