"""Run the job: `python -m daily_revenue --day 2013-07-04`."""

import sys

from daily_revenue.job import main

sys.exit(main())
