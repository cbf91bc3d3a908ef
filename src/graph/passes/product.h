/* A product as its factors, for patterns that exporters write in several orders. Module-internal. */
#ifndef TW_GRAPH_PASSES_PRODUCT_H
#define TW_GRAPH_PASSES_PRODUCT_H

#include "graph/passes/edit.h"

/* Two factors that are tensors, and the product of the scalar constants (a Div by one counts as 1 / it). */
struct tw_product {
    int factors[2];
    double scale;
};
/* False: not two factors. `depth` levels of Mul and Div are opened: a caller tries 1 to TW_PRODUCT_DEPTH, for a factor may
 * be a product itself. */
enum { TW_PRODUCT_DEPTH = 3 };
bool tw_product_of(struct tw_edit *edit, int id, int depth, struct tw_product *product);
/* Makes the node an op of `x` alone. */
enum tw_status tw_product_replace(struct tw_edit *edit, size_t index, enum tw_op op, int x) TW_MUST_USE;

#endif
