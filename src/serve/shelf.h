/* One model of a catalogue: its versions, loaded or not, with the default and the labels as they may be used now. */
#ifndef TW_SERVE_SHELF_H
#define TW_SERVE_SHELF_H

#include "serve/catalogue.h"
#include "store/store.h"

struct tw_shelf_entry {
    int64_t number;
    char *name; /* NULL: none */
    bool is_foreign;
    enum tw_served_state state;
    char *reason;             /* of FAILED */
    double retry_s, pause_s;  /* FAILED: when it is tried again, and how long the wait was */
    struct tw_served *served; /* of AVAILABLE */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_shelf {
    char *name, *description;
    struct tw_shelf_entry *entries; /* by number */
    size_t entry_count, entry_capacity;
    struct tw_store_label *labels;
    size_t label_count;
    int64_t default_number;
    atomic_ulong asked; /* requests that named no version: they are dealt out by the labels' shares */
    char *complaint;    /* why the store's word on it cannot be read; NULL: it can */
};
void tw_shelf_release(struct tw_shelf *shelf);
struct tw_shelf_entry *tw_shelf_find(const struct tw_shelf *shelf, int64_t number);
/* By number, name or label; NULL: the default, or in turn a label that has a share. NULL where there is none. */
struct tw_shelf_entry *tw_shelf_named(struct tw_shelf *shelf, const char *version);
/* Versions that are new in the store are LOADING; those that are gone stay for tw_shelf_drop. */
enum tw_status tw_shelf_follow(struct tw_shelf *shelf, const struct tw_store_model *model,
                               struct tw_error *error) TW_MUST_USE;
/* Default and labels, each as soon as the version that it names is available. */
enum tw_status tw_shelf_settle(struct tw_shelf *shelf, const struct tw_store_model *model,
                               struct tw_error *error) TW_MUST_USE;
/* Versions that are gone from the store leave into `gone` (room for all of the shelf's entries), to be put by the caller. One that the
 * default or a label still stands for, because what is to follow it is not available yet, stays until the next time. */
void tw_shelf_drop(struct tw_shelf *shelf, const struct tw_store_model *model, struct tw_served **gone,
                   size_t *gone_count);

#endif
