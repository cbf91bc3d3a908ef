/* Backbones that served models stand on, each compiled once: models with the same network, policy and precision share it, so
 * that a hundred heads cost little more than one. Same by content, not by what a file says of itself. */
#ifndef TW_SERVE_BACKBONES_H
#define TW_SERVE_BACKBONES_H

#include "tasks/model.h"
#include "tasks/runner.h"

struct tw_backbones;
struct tw_backbones_options {
    int workers; /* threads that run photos at the same time */
    struct tw_image_limits limits;
};
enum tw_status tw_backbones_new(const struct tw_backbones_options *options, struct tw_backbones **backbones,
                                struct tw_error *error) TW_MUST_USE;
void tw_backbones_free(struct tw_backbones *backbones); /* after the last of them was put back; NULL is fine */

/* Immutable, save the count of its users. */
struct tw_shared_backbone {
    struct tw_shared_backbone *next; /* internal, as `users`: guarded by the pool's mutex */
    struct tw_backbones *pool;
    size_t users;
    struct tw_digest key;     /* of network, policy and precision */
    struct tw_runner *runner; /* photo -> embedding, its one output */
    size_t embedding_size;
    float *sample; /* embedding of a grey photo: every worker has run once, before anybody else could */
};
/* The backbone of a whole model, compiled where it is not there yet. To be put back. */
enum tw_status tw_backbones_get(struct tw_backbones *backbones, const struct tw_model *model,
                                struct tw_shared_backbone **backbone, struct tw_error *error) TW_MUST_USE;
void tw_backbone_put(struct tw_shared_backbone *backbone); /* NULL is fine */
size_t tw_backbones_count(struct tw_backbones *backbones);

#endif
