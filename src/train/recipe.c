#include "train/recipe.h"

#include "train/recipes.h"

#include <string.h>

const struct tw_recipe tw_recipes[] = {
    {"auto", tw_auto_train, tw_auto_describe},
    {"workshop", tw_workshop_train, tw_workshop_describe},
};
const size_t tw_recipe_count = sizeof tw_recipes / sizeof *tw_recipes;

const struct tw_recipe *tw_recipe_find(const char *name)
{
    for (size_t i = 0; i < tw_recipe_count; i++) {
        if (strcmp(tw_recipes[i].name, name) == 0)
            return &tw_recipes[i];
    }
    return NULL;
}
