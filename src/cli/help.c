#include "cli/command.h"

#include <stdio.h>
#include <string.h>

enum { COLUMN = 32, WIDTH = 100 }; /* where what an option does begins; where lines end */

/* Words of a text in lines of WIDTH, each after `indent` spaces; the first stands where the cursor is, at `column`. */
static void wrap(const char *text, size_t indent, size_t column)
{
    for (bool is_first = true; *text != 0; is_first = false) {
        size_t length = strcspn(text, " ");
        if (!is_first && column + 1 + length > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (!is_first) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

void tw_help_overview(void)
{
    printf("topwork " TW_VERSION
           ": your labelled photos to your own image classifier\n\nusage: topwork COMMAND [options] ARGUMENTS\n");
    for (size_t g = 0; g < tw_command_group_count; g++) {
        printf("\n%s\n", tw_command_groups[g].title);
        for (size_t i = 0; i < tw_command_count; i++) {
            if (strcmp(tw_command_table[i].group, tw_command_groups[g].name) == 0)
                printf("  %-10s %s\n", tw_command_table[i].name, tw_command_table[i].summary);
        }
    }
    printf("\n`topwork help COMMAND` tells more. `topwork help --man [COMMAND]` writes man pages,\n"
           "`topwork help --completion bash|zsh|fish` what a shell needs to complete command lines.\n");
}

static void show_option(const struct tw_option *option)
{
    char spelling[80], letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(spelling, sizeof spelling, "%s--%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    if (strlen(spelling) > COLUMN)
        printf("  %s\n  %-*s ", spelling, COLUMN, "");
    else
        printf("  %-*s ", COLUMN, spelling);
    wrap(option->help, COLUMN + 3, COLUMN + 3);
}

/* One line for each way to call it. */
static void show_usage(const struct tw_command *command)
{
    const char *lead = "usage:";
    for (const char *at = command->usage; at != NULL; lead = "") {
        const char *end = strstr(at, " | ");
        printf("%-6s topwork %s %.*s\n", lead, command->name, (int)(end != NULL ? end - at : (long)strlen(at)), at);
        at = end != NULL ? end + 3 : NULL;
    }
}

void tw_help_command(const struct tw_command *command)
{
    show_usage(command);
    printf("\n%s\n", command->summary);
    if (command->details != NULL) {
        putchar('\n');
        wrap(command->details, 0, 0);
    }
    printf("\noptions\n");
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++)
        show_option(&tw_option_table[command->options[i]]);
    show_option(&tw_option_table[TW_OPTION_HELP]);
}
