"""The detectors to beat, each causal, each giving one raw score per sample."""

import numpy as np

from tests.bench.series.shapes import Array


def robust_z(values: Array, window: int = 288) -> Array:
    """Distance from the median of the last samples, in scaled median absolute deviations."""
    scores = np.zeros(len(values))
    views = np.lib.stride_tricks.sliding_window_view(values, window)
    for begin in range(0, len(views) - 1, 2048):
        past = views[begin : min(begin + 2048, len(views) - 1)]
        centre = np.median(past, axis=1)
        size = 1.4826 * np.median(np.abs(past - centre[:, None]), axis=1)
        at = np.arange(begin, begin + len(past)) + window
        scores[at] = np.abs(values[at] - centre) / (size + 1e-3 * np.abs(past).std(axis=1) + 1e-12)
    return scores


def ewma_chart(values: Array, weight: float = 0.2) -> Array:
    """An EWMA control chart: distance of the fast average from the slow one, in its own standard error."""
    scores = np.zeros(len(values))
    fast = slow = float(values[0])
    variance = 0.0
    for position, value in enumerate(values):
        error = np.sqrt(variance * weight / (2 - weight)) + 1e-12
        fast += weight * (value - fast)
        if position > 100:
            scores[position] = abs(fast - slow) / error
        gain = max(1 / (position + 1), 1 / 1000)
        variance += gain * ((value - slow) ** 2 - variance)
        slow += gain * (value - slow)
    return scores


def gaussian_tail(values: Array, window: int = 2000, recent: int = 10) -> Array:
    """Tail of a Gaussian fitted to a window, at the mean of the last few samples, as a squared distance."""
    sums = np.concatenate([[0.0], np.cumsum(values - values[0])])
    squares = np.concatenate([[0.0], np.cumsum((values - values[0]) ** 2)])
    at = np.arange(len(values)) + 1
    begin = np.maximum(0, at - window)
    count = at - begin
    mean = (sums[at] - sums[begin]) / count
    variance = np.maximum((squares[at] - squares[begin]) / count - mean**2, 1e-12 * np.maximum(mean**2, 1e-12))
    start = np.maximum(0, at - recent)
    near = (sums[at] - sums[start]) / (at - start)
    return np.asarray(np.abs(near - mean) / np.sqrt(variance))


RIVALS = {"robust_z": robust_z, "ewma_chart": ewma_chart, "gaussian_tail": gaussian_tail}
