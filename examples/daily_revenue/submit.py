"""The file that spark-submit starts; the job itself is in the wheel given with --py-files."""

import sys

from daily_revenue.job import main

sys.exit(main())
