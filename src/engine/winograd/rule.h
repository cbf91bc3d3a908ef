/* Which convolutions are done here, and with which tile: fixed rules by shape, so that all machines with one kind of
 * vector unit choose alike and give the same bits. */
#ifndef TW_ENGINE_WINOGRAD_RULE_H
#define TW_ENGINE_WINOGRAD_RULE_H

#include "engine/winograd/winograd.h"

struct winograd_rule {
    const char *name; /* "winograd 1d F(6,7)": for profiles */
    int tile, taps;   /* along each axis on which the kernel is longer than 1 */
};
/* NULL: the library is faster, or there is no form. `width`: channels in a block. Ignores shape->tile. */
const struct winograd_rule *winograd_rule_for(const struct winograd_shape *shape, int width);
/* Every form that there is of a shape, fast or not, by number and by name; NULL: there is none. Ignore shape->tile too. */
const struct winograd_rule *winograd_rule_at(const struct winograd_shape *shape, int index);
const struct winograd_rule *winograd_rule_named(const struct winograd_shape *shape, const char *name);

#endif
