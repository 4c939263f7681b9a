"""S3 looks at If-Match and writes in one step; moto looks, and writes afterwards. Its threads take turns at waits alone,
so that no other one comes between."""

import sys

sys.setswitchinterval(1000)
