"""scikit-learn on the features of benches/evaluation.rs, which starts this script: folder, dimension, few, queries."""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

folder, (dimension, few, queries) = Path(sys.argv[1]), map(int, sys.argv[2:])
x = np.fromfile(folder / "features.bin", dtype="<f4").reshape(-1, dimension)
y = np.fromfile(folder / "labels.bin", dtype="<u2").astype(np.int64)
warnings.simplefilter("ignore")


def best_of_three(work):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def loss(model, x, y, lam):
    logits = x.astype(np.float64) @ model.coef_.T.astype(np.float64) + model.intercept_
    logits -= logits.max(1, keepdims=True)
    entropy = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]
    return entropy.mean() + lam / 2 * (model.coef_.astype(np.float64) ** 2).sum()


for n in (few, len(x)):
    for kind in (np.float64, np.float32):
        data = x[:n].astype(kind)
        for lam in (1e-4, 1e-2):
            fit = lambda: LogisticRegression(C=1 / (lam * n), tol=1e-4, max_iter=1000).fit(data, y[:n])
            seconds, model = best_of_three(fit)
            print(f"scikit-learn {sklearn.__version__} logistic n={n} λ={lam} {kind.__name__}: {seconds:.2f} s, "
                  f"{model.n_iter_[0]} steps, loss {loss(model, x[:n], y[:n], lam):.6f}", flush=True)

# Votes are left out: only the search takes time.
search = NearestNeighbors(n_neighbors=200, metric="cosine", algorithm="brute", n_jobs=1).fit(x)
seconds, _ = best_of_three(lambda: search.kneighbors(x[:queries]))
print(f"scikit-learn {sklearn.__version__} kNN k=200, n={len(x)}: {queries / seconds:.0f} queries/s")
