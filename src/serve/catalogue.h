/* The versions that a server answers with: those of a store, looked at again and again while it runs, or one model. A new version
 * is loaded and warmed before it takes requests, and one that is gone goes only then; who answers with a version keeps it until
 * he is done. */
#ifndef TW_SERVE_CATALOGUE_H
#define TW_SERVE_CATALOGUE_H

#include "serve/served.h"

enum tw_served_state { TW_SERVED_LOADING, TW_SERVED_AVAILABLE, TW_SERVED_FAILED };
const char *tw_served_state_name(enum tw_served_state state); /* "LOADING", "AVAILABLE", "FAILED" */

struct tw_catalogue;
struct tw_catalogue_options {
    const char *source; /* a store, or a run folder or model file: its one version is 1 */
    const char
        *single_name; /* of the model of a run or file; NULL: the name of its folder or file, where that can be one */
    int workers;
    struct tw_image_limits limits;
    const struct tw_sink *sink;
};
/* Opens the source. Loads nothing. TW_NOT_FOUND: it is neither. */
enum tw_status tw_catalogue_new(const struct tw_catalogue_options *options, struct tw_catalogue **catalogue,
                                struct tw_error *error) TW_MUST_USE;
void tw_catalogue_free(struct tw_catalogue *catalogue); /* NULL is fine */

/* Looks at the source: loads what is new, drops what is gone, follows defaults and labels. What cannot be loaded is said by a
 * warning, keeps its reason, and is tried again after a while. Fails where the source itself cannot be read. One call at a time. */
enum tw_status tw_catalogue_poll(struct tw_catalogue *catalogue, struct tw_error *error) TW_MUST_USE;

/* A version that is available, by number, name or label; NULL: the default. To be put back. TW_NOT_FOUND says what there is;
 * TW_CONFLICT: it is there, but not available, and why. */
enum tw_status tw_catalogue_get(struct tw_catalogue *catalogue, const char *model, const char *version,
                                struct tw_served **served, struct tw_error *error) TW_MUST_USE;
/* The name of the only model; NULL where there is none or are several. Owned by the caller. */
char *tw_catalogue_only_model(struct tw_catalogue *catalogue);
bool tw_catalogue_is_store(const struct tw_catalogue *catalogue);
size_t tw_catalogue_backbones(struct tw_catalogue *catalogue);

/* Calls `visit` for every version that is available. */
void tw_catalogue_each(struct tw_catalogue *catalogue, void (*visit)(void *context, const struct tw_served *served),
                       void *context);

/* What stands in it now. Owned; zero-initialise; release accepts the zero state. */
struct tw_catalogue_version {
    int64_t number;
    char *name;   /* NULL: none */
    char *labels; /* that stand for it, "canary stable"; never NULL */
    enum tw_served_state state;
    char *reason; /* of FAILED; else NULL */
    bool is_default;
};
struct tw_catalogue_model {
    char *name, *description;
    struct tw_catalogue_version *versions;
    size_t version_count;
};
struct tw_catalogue_view {
    struct tw_catalogue_model *models;
    size_t model_count;
};
/* `model` NULL: all. TW_NOT_FOUND: there is no such model. */
enum tw_status tw_catalogue_look(struct tw_catalogue *catalogue, const char *model, struct tw_catalogue_view *view,
                                 struct tw_error *error) TW_MUST_USE;
void tw_catalogue_view_release(struct tw_catalogue_view *view);

#endif
