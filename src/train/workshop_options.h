/* The options of the recipe `workshop` with their defaults. Its description of them is tw_workshop_describe (recipes.h). */
#ifndef TW_TRAIN_WORKSHOP_OPTIONS_H
#define TW_TRAIN_WORKSHOP_OPTIONS_H

#include "train/recipe.h"

struct tw_recipe_options workshop_defaults(const struct tw_recipe_options *given);

#endif
