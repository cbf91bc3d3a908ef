#include "folder.h"

#include "dataset/label_changes.h"

#include <string.h>

enum { MOST = 8 };

static void fill(struct tw_labels *labels, const char *names)
{
    char copy[200];
    size_t id;
    strcpy(copy, names);
    for (char *name = strtok(copy, "|"); name; name = strtok(NULL, "|"))
        assert_int_equal(tw_labels_add(labels, name, &id, NULL), TW_OK);
}

/* The names after the changes, joined, and each old class's place: "a|b -> 0 1 -1". */
static void expect(const char *old_names, const struct tw_label_change *changes, size_t count, const char *wanted)
{
    struct tw_labels old = {0}, now = {0};
    int64_t places[MOST];
    char got[400] = "";
    struct tw_error error = {0};
    fill(&old, old_names);
    assert_true(old.count <= MOST);
    if (tw_labels_change(&old, changes, count, &now, places, &error)) {
        strcpy(got, error.text);
    } else {
        for (size_t i = 0; i < now.count; i++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? "|" : "", now.names[i]);
        strcat(got, " ->");
        for (size_t i = 0; i < old.count; i++)
            snprintf(got + strlen(got), sizeof got - strlen(got), " %d", (int)places[i]);
    }
    tw_labels_release(&old);
    tw_labels_release(&now);
    assert_string_equal(got, wanted);
}
#define EXPECT(old, wanted, ...)                                                                                       \
    do {                                                                                                               \
        const struct tw_label_change changes[] = {__VA_ARGS__};                                                        \
        expect(old, changes, sizeof changes / sizeof *changes, wanted);                                                \
    } while (0)

static void classes_keep_their_order_through_renames_merges_and_removals(void **state)
{
    (void)state;
    expect("ant|bee|cat", NULL, 0, "ant|bee|cat -> 0 1 2");
    EXPECT("ant|bee|cat", "ant|wasp|cat -> 0 1 2", {TW_LABEL_RENAME, "bee=wasp"});
    EXPECT("ant|bee|cat", "ant|cat -> 0 -1 1", {TW_LABEL_REMOVE, "bee"});
    EXPECT("ant|bee|cat|dog", "insect|pet -> 0 0 1 1", {TW_LABEL_MERGE, "ant,bee=insect"},
           {TW_LABEL_MERGE, "cat,dog=pet"});
    EXPECT("ant|bee|cat", "bee|cat -> 0 0 1", {TW_LABEL_MERGE, "ant=bee"});
    EXPECT("ant|bee", "bee|ant -> 0 1", {TW_LABEL_RENAME, "ant=bee"}, {TW_LABEL_RENAME, "bee=ant"});
    EXPECT("ant|bee|cat", "cat -> -1 0 -1", {TW_LABEL_REMOVE, "ant"}, {TW_LABEL_RENAME, "bee=cat"},
           {TW_LABEL_REMOVE, "cat"});
}

static void names_may_hold_commas_and_equals_signs(void **state)
{
    (void)state;
    EXPECT("a=b|c", "x|c -> 0 1", {TW_LABEL_RENAME, "a=b=x"});
    EXPECT("a,b|c|d", "x|d -> 0 0 1", {TW_LABEL_MERGE, "a,b,c=x"});
    EXPECT("a|b", "a=c|b -> 0 1", {TW_LABEL_RENAME, "a= a=c "});
}

static void mistakes_are_named(void **state)
{
    (void)state;
    EXPECT("ant|bee", "anr is none of the classes: did you mean ant?", {TW_LABEL_RENAME, "anr=x"});
    EXPECT("ant|bee", "zebra is none of the 2 classes", {TW_LABEL_REMOVE, "zebra"});
    EXPECT("ant|bee", "bea is none of the classes: did you mean bee?", {TW_LABEL_MERGE, "ant,bea=x"});
    EXPECT("ant|bee", "--rename is ant, not of the form OLD=NEW", {TW_LABEL_RENAME, "ant"});
    EXPECT("ant|bee", "--merge is ant,bee, not of the form A,B=C", {TW_LABEL_MERGE, "ant,bee"});
    EXPECT("ant|bee", "the class ant is changed twice", {TW_LABEL_RENAME, "ant=x"}, {TW_LABEL_REMOVE, "ant"});
    EXPECT("ant|bee", "the new name of ant: a label is empty", {TW_LABEL_RENAME, "ant="});
    EXPECT("ant|bee", "--rename ant=bee would join it with the class bee: `--merge ant,bee=bee` does that",
           {TW_LABEL_RENAME, "ant=bee"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_keep_their_order_through_renames_merges_and_removals),
        cmocka_unit_test(names_may_hold_commas_and_equals_signs),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
