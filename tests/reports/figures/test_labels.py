"""Labels of a map: none over another, all within the frame."""

from __future__ import annotations

import numpy as np

from reports.figures.labels import LabelPlacer, _overlap


def test_labels_never_overlap_and_stay_in_the_frame():
    rng = np.random.default_rng(1)
    placer = LabelPlacer(frame=(0, 0, 400, 300))
    points = rng.uniform(0, 400, (60, 2))
    placer.add_symbols(points, 6.0)
    placed = [box for point in points if (box := placer.place(point, width=70, height=14, gap=8))]
    assert len(placed) > 5
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= 400 and box[3] <= 300 for box in placed)
    assert sum(_overlap(one, other) for at, one in enumerate(placed) for other in placed[at + 1 :]) == 0
