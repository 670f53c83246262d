//! Evidence about machines, and its appraisal. Pure: no I/O, no clock.
