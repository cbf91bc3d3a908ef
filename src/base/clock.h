/* Time that only goes forward, for rates and progress; never for what is kept. */
#ifndef TW_BASE_CLOCK_H
#define TW_BASE_CLOCK_H

/* Seconds since some moment of this run of the system. */
double tw_clock_seconds(void);

#endif
