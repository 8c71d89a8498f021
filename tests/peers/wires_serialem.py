# SPDX-License-Identifier: GPL-3.0-or-later
"""SerialEM's own Python module against `emctl serve serialem`: the port is the argument, the module is on the path."""
import os
import sys

os.environ["PY_SERIALEM_PORT"] = sys.argv[1]

import numpy  # noqa: E402
import serialem  # noqa: E402

serialem.MoveStageTo(10, -5)
x, y, z = serialem.ReportStageXYZ()
assert abs(x - 10) < 0.2 and abs(y + 5) < 0.2, (x, y, z)
serialem.MoveStage(1, 2)
assert abs(serialem.ReportStageXYZ()[0] - x - 1) < 0.3
serialem.TiltTo(5)
assert abs(serialem.ReportTiltAngle() - 5) < 0.1
serialem.SetMag(20000)
assert serialem.ReportMag()[0] == 20000
for wrong in (lambda: serialem.MoveStageTo(1e6, 0), lambda: serialem.Eucentricity(1)):
    try:
        wrong()
    except serialem.SEMerror as e:
        assert "limit" in str(e) or "none of those" in str(e), e
    else:
        sys.exit("that was not refused")
serialem.Record()
image = numpy.asarray(serialem.bufferImage("A"))
assert image.ndim == 2 and image.std() > 0, image.shape
