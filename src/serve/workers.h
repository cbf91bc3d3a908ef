/* Threads that answer photos, and the bounded queue before them. A call is all photos of one request: it is taken whole or not
 * at all, and its photos are answered side by side. */
#ifndef TW_SERVE_WORKERS_H
#define TW_SERVE_WORKERS_H

#include "serve/served.h"

struct tw_call;
struct tw_photo {
    struct tw_span bytes; /* borrowed until the call is done */
    struct tw_answer answer;
    struct tw_photo *next; /* internal, in the queue */
    struct tw_call *call;  /* internal */
};
/* Zero-initialise. The caller owns it and its photos, and keeps them until `done` was called. */
struct tw_call {
    struct tw_served *served; /* counted for the call by its owner */
    struct tw_photo *photos;
    size_t count;      /* at least 1 */
    size_t nearest;    /* training photos to find for each; 0: none */
    double deadline_s; /* on tw_clock_seconds(): a photo that waits longer is TW_INTERRUPTED; 0: none */
    /* On a worker's thread, after the last photo. */
    void (*done)(struct tw_call *call);
    void *context;
    double started_s, finished_s; /* out */
    atomic_size_t left;           /* internal */
};

struct tw_workers;
struct tw_workers_options {
    int threads;        /* at least 1 */
    size_t most_photos; /* that wait or are answered; at least 1 */
};
enum tw_status tw_workers_new(const struct tw_workers_options *options, struct tw_workers **workers,
                              struct tw_error *error) TW_MUST_USE;
/* TW_LIMIT at once where there is no room for all of its photos. */
enum tw_status tw_workers_submit(struct tw_workers *workers, struct tw_call *call, struct tw_error *error) TW_MUST_USE;
size_t tw_workers_waiting(struct tw_workers *workers); /* photos, those being answered among them */
size_t tw_workers_room(const struct tw_workers *workers);
/* Answers what was taken, takes no more, ends the threads. NULL is fine. */
void tw_workers_close(struct tw_workers *workers);
void tw_workers_free(struct tw_workers *workers);

#endif
