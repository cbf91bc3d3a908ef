/* How passes change a graph: one sweep over its nodes in order, with who makes and how many use each value kept right
 * meanwhile. Nodes that are added come behind the sweep; end() sorts and infers. Module-internal. */
#ifndef TW_GRAPH_PASSES_EDIT_H
#define TW_GRAPH_PASSES_EDIT_H

#include "graph/ops/support.h"
#include "graph/passes.h"

struct tw_edit {
    struct tw_graph *graph;
    struct tw_error *error;
    size_t first_count; /* nodes that were there at the beginning: what the sweep goes over */
    struct tw_edit_value {
        int maker;   /* node index; -1: a graph input, a constant, or nobody */
        int alias;   /* the value that stands for it; itself where none does */
        size_t uses; /* by live nodes, and one for each graph output */
        bool is_output;
    } * values;
    size_t value_capacity;
    bool *is_dead; /* by node index */
    size_t dead_capacity;
    bool has_changed;
};

/* What a pass does with one node: it may change, add and kill nodes. */
typedef enum tw_status tw_edit_visit(struct tw_edit *edit, size_t index);
/* The whole of most passes: begins, visits every live node that was there at the beginning, ends. */
enum tw_status tw_edit_sweep(struct tw_graph *graph, tw_edit_visit *visit, bool *has_changed,
                             struct tw_error *error) TW_MUST_USE;
enum tw_status tw_edit_begin(struct tw_edit *edit, struct tw_graph *graph, struct tw_error *error) TW_MUST_USE;
/* Leaves the graph sorted and inferred where `status` is TW_OK; returns the first failure. */
enum tw_status tw_edit_end(struct tw_edit *edit, enum tw_status status, bool *has_changed) TW_MUST_USE;

/* NULL: dead. Its inputs are those that stand for what it named. Good until a node is added. */
struct tw_node *tw_edit_node(struct tw_edit *edit, size_t index);
int tw_edit_id(const struct tw_edit *edit, int id);
int tw_edit_maker(const struct tw_edit *edit, int id); /* index of a live node, or -1 */
/* The node that makes the value, where it is that op with nothing fused into it; else NULL. */
struct tw_node *tw_edit_made_by(struct tw_edit *edit, int id, enum tw_op op);
const struct tw_value *tw_edit_value(const struct tw_edit *edit, int id);
size_t tw_edit_uses(const struct tw_edit *edit, int id);
bool tw_edit_is_constant(const struct tw_edit *edit, int id);
bool tw_edit_is_plain(const struct tw_node *node); /* nothing fused into it */
/* A constant f32 of one element. */
bool tw_edit_scalar(const struct tw_edit *edit, int id, float *value);
bool tw_edit_is_scalar(const struct tw_edit *edit, int id, float expected); /* to 1e-4 of its size */
double tw_edit_float_at(const struct tw_value *value, int64_t at);
/* A constant list of integers that a node takes as its input `index`; false: not given or not constant. */
bool tw_edit_input_ints(const struct tw_edit *edit, const struct tw_node *node, int index, struct op_ints *ints);
bool tw_edit_is_known(const struct tw_shape *shape); /* in full */

void tw_edit_set_input(struct tw_edit *edit, size_t index, int input, int id);
enum tw_status tw_edit_set_inputs(struct tw_edit *edit, size_t index, const int *ids, int count) TW_MUST_USE;
void tw_edit_kill(struct tw_edit *edit, size_t index);
/* Takes the node away: `id` stands for its first output. False where names of the graph's outputs forbid it. */
bool tw_edit_bypass(struct tw_edit *edit, size_t index, int id);
/* The node `maker` makes the first output of node `index` in place of its own, and `index` goes. */
void tw_edit_take_over(struct tw_edit *edit, size_t maker, size_t index);

/* New values have names that the graph has not; -1: no memory. */
int tw_edit_add_value(struct tw_edit *edit, const char *base, enum tw_dtype dtype, const struct tw_shape *shape);
int tw_edit_add_floats(struct tw_edit *edit, const char *base, const struct tw_shape *shape, const float *values);
int tw_edit_add_ints(struct tw_edit *edit, const char *base, const int64_t *values, int count);
/* Index of the new node, whose output is `output`; SIZE_MAX: no memory. */
size_t tw_edit_add_node(struct tw_edit *edit, enum tw_op op, const int *inputs, int count, int output);
enum tw_status tw_edit_no_memory(struct tw_edit *edit);

#endif
