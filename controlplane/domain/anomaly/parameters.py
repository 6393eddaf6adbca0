"""Every number the detectors use, in one place. They are global: no series and no file has settings of its own.

Lengths are counted in samples unless the name says otherwise. "Nats" are natural logarithms of probability: evidence of
10 nats is a chance of e^-10, about 1 in 22,000.
"""

# Warm-up: below FIRST no score; up to FULL the evidence is scaled down, as little is known yet.
WARM_UP_FIRST = 100
WARM_UP_FULL = 600

# The score that raises an alert, as evidence in nats after calibration; the published threshold is 1 - e^-nats.
ALERT_NATS = 6.2

# Memory of averages. Early on, an average over n samples has weight 1/n; later these limits hold.
LONG_MEMORY = 1000
LEVEL_MEMORY = 400
SHORT_WINDOW = 5
MIDDLE_WINDOW = 24
DRIFT_WINDOW = 96

# Tails: the share of samples that counts as tail, the mean of log(evidence / tail start) before any is seen, the
# smallest that is believed, the weight of that prior, how many tail samples are remembered, and after how many samples
# those below the tail are counted, all at once.
TAIL_SHARE = 0.02
TAIL_PRIOR_EXCESS = 0.25
TAIL_LEAST_EXCESS = 0.05
TAIL_PRIOR_WEIGHT = 4.0
TAIL_MEMORY = 300.0
TAIL_START = 1.7
TAIL_FIRST_STEP = 0.3
TAIL_STEP = 0.05
TAIL_RUN = 50
TAIL_COUNTED = 16

# Runs of far samples on one side: the longest that counts, the most nats that one of them adds (how far out it is, the
# other detectors tell), the nats in which the size of a run grows e-fold (so that with the prior of tails one nat more
# is e times as rare, until the series shows otherwise), and the size to ignore.
RUN_LONGEST = 5
RUN_STEP = 3.2
RUN_NATS = 4.0
RUN_FLOOR = 3.0

# Ratios are cut here, so that one absurd value cannot outweigh all that was learnt.
RATIO_LIMIT = 1000.0
CLIP = 4.0

# Profiles: 48 half hours a day, 336 a week; a bin remembers this many visits.
DAY_BINS = 48
WEEK_BINS = 336
BIN_SECONDS = 1800.0
DAY_VISITS = 10
WEEK_VISITS = 6
PROFILE_TRUST = 96
STEP_ERRORS = 2.0
SIZE_VISITS = 10
SIZE_TRUST_VISITS = 3
SIZE_CHANCE = 1.0

# Episodes: how similar past episodes lower the evidence, and how an alarm quietens what follows it.
EPISODE_FLOOR_NATS = 5.0
EPISODE_WIDTH_NATS = 1.0
EPISODE_BINS = 32
EPISODE_MEMORY = 8000.0
EPISODE_GAP = 48
EPISODE_PENALTY_NATS = 2.0
EPISODE_PRIOR_SHARE = 0.003
EPISODE_PRIOR_EXCESS = 1.0
EPISODE_PRIOR_WEIGHT = 15.0
# The share of the weaker evidence that counts when a value and the shape of its stretch are both unusual.
AGREEMENT = 0.5
ESCALATION_NATS = 3.0
REFRACTORY = 150.0

# Restraint: a series that alarmed n times lately has to show so many nats times log(1 + n) more before it alarms again;
# each alarm fades e-fold in two weeks. These are seconds: what people bear is alarms a week, however often one samples.
RESTRAINT_NATS = 0.8
RESTRAINT_SECONDS = 14 * 86400.0

# Time: gaps longer than this many cadences break the neighbourhood; late rows are accepted this far back.
GAP_CADENCES = 3.0
LATE_CADENCES = 24.0
LATE_SECONDS = 7200.0
CLOCK_STEP_ROWS = 12

# Counters: judged once, after this many samples, when nothing ever fell and at least this share rose.
COUNTER_SAMPLES = 64
COUNTER_RISING_SHARE = 0.5

# Values beyond this magnitude are cut, so that their squares stay finite.
VALUE_LIMIT = 1e150
