/* Which algorithm does which convolution. A plan that is given a table follows its rows; what has no row, or one that names
 * an algorithm that is not there, is done as the fixed rules say. So equal tables give equal bits on one kind of CPU.
 *
 * Text: a line for each row, "KEY = ALGORITHM\n", of printable ASCII without quotes and backslashes, sorted by key. A key is the shape of a convolution and the precision of its
 * arithmetic, nothing of threads or batches: "f32 in 64x35x35 out 96x35x35 kernel 3x3 stride 1x1 pad 1x1"; an algorithm is as
 * `struct tw_step_info` names it. */
#ifndef TW_ENGINE_CHOICES_H
#define TW_ENGINE_CHOICES_H

#include "base/bytes.h"
#include "base/log.h"
#include "engine/engine.h"

struct tw_choices;
enum tw_status tw_choices_new(struct tw_choices **choices, struct tw_error *error) TW_MUST_USE;
void tw_choices_free(struct tw_choices *choices); /* NULL is fine */
size_t tw_choices_count(const struct tw_choices *choices);
/* The row's algorithm, borrowed; NULL: there is none, or no table. */
const char *tw_choices_find(const struct tw_choices *choices, const char *key);
/* Adds a row or replaces one. */
enum tw_status tw_choices_set(struct tw_choices *choices, const char *key, const char *algorithm,
                              struct tw_error *error) TW_MUST_USE;
/* Adds the rows of a text. TW_CORRUPT: a line is no row, by its number. */
enum tw_status tw_choices_read(struct tw_choices *choices, struct tw_span text, struct tw_error *error) TW_MUST_USE;
/* Appends. */
enum tw_status tw_choices_write(const struct tw_choices *choices, struct tw_buffer *text,
                                struct tw_error *error) TW_MUST_USE;

/* A new table of those rows that this graph, compiled with these options, would follow; *missing: its convolutions that have
 * none. */
enum tw_status tw_choices_cut(const struct tw_choices *choices, const struct tw_graph *graph,
                              const struct tw_plan_options *options, struct tw_choices **cut, size_t *missing,
                              struct tw_error *error) TW_MUST_USE;

/* Trials: the network is compiled with each algorithm that its convolutions can have, and its steps are timed where they
 * stand, on one thread. A shape gets a row; another algorithm than the rule's only where it is faster by 3 %. */
struct tw_tuning {
    int rounds,
        runs; /* each algorithm is compiled `rounds` times, in turn, and run `runs` times each; least times count */
    const struct tw_sink *sink;
};
extern const struct tw_tuning tw_tuning_quick, tw_tuning_full;
/* What a trial of one shape found. Texts are the report's. */
struct tw_tuned_shape {
    const char *key, *rule, *chosen;
    double rule_seconds, chosen_seconds;
};
/* Zero-initialise; release accepts the zero state. */
struct tw_tuning_report {
    struct tw_tuned_shape *shapes; /* owned, in the network's order */
    size_t count, capacity;
    struct tw_arena texts;
};
void tw_tuning_report_release(struct tw_tuning_report *report);
/* Adds a row to `choices` for each shape of the network. TW_INTERRUPTED: the sink said stop; no row is added. `options->choices` counts for
 * nothing. */
enum tw_status tw_choices_tune(struct tw_choices *choices, const struct tw_graph *graph,
                               const struct tw_plan_options *options, const struct tw_tuning *tuning,
                               struct tw_tuning_report *report, struct tw_error *error) TW_MUST_USE;

#endif
