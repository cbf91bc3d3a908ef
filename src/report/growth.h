/* What changed per class when a trained run grew: both models on the same held-out photos. */
#ifndef TW_REPORT_GROWTH_H
#define TW_REPORT_GROWTH_H

#include "base/bytes.h"

/* NaN where not defined. Borrowed. */
struct tw_class_growth {
    const char *label;
    const char *was; /* the classes that it was before, joined by commas; NULL: it is new */
    size_t count;    /* photos of it, among those that both were asked */
    double precision_before, precision_after, recall_before, recall_after;
};
struct tw_growth {
    size_t count; /* photos that the run before held out and that are still there, by the labels they have now */
    double accuracy_before, accuracy_after;
    size_t only_before, only_after; /* that one of the two alone gets right */
    double p_value;                 /* McNemar's exact test */
    const struct tw_class_growth *classes;
    size_t class_count;
    const char *const *removed; /* classes that are no more */
    size_t removed_count;
    size_t train_before, train_after;
};
/* One JSON object: count, accuracy_before, accuracy_after, only_before, only_after, p_value, train_before, train_after,
 * per_class (label, was, count, precision_before, ...), removed. Undefined numbers are null. Appends. */
enum tw_status tw_growth_to_json(const struct tw_growth *growth, struct tw_buffer *out,
                                 struct tw_error *error) TW_MUST_USE;
/* A sentence and a table of at most 20 classes. Appends. */
enum tw_status tw_growth_to_text(const struct tw_growth *growth, struct tw_buffer *out,
                                 struct tw_error *error) TW_MUST_USE;

#endif
