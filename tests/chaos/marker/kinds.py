"""What becomes of the first execution of a run, by the remainder of its number."""

OF = 20
DIES_AFTER_ITS_EFFECT, RAISES, DIES_BEFORE_ITS_EFFECT, GOES_ON_LATER = 3, 7, 11, 15
EVENTFUL = {DIES_AFTER_ITS_EFFECT, RAISES, DIES_BEFORE_ITS_EFFECT, GOES_ON_LATER}
