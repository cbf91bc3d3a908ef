#include "cli/command.h"

#include <stdio.h>
#include <string.h>

enum { COLUMN = 32 }; /* where what an option does begins */

void tw_help_overview(void)
{
    static const struct {
        const char *group, *title;
    } groups[] = {{"learn", "Learn from photos"}, {"use", "Use a model"}, {"look", "Look inside"}};
    printf("topwork " TW_VERSION
           ": your labelled photos to your own image classifier\n\nusage: topwork COMMAND [options] ARGUMENTS\n");
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        printf("\n%s\n", groups[g].title);
        for (size_t i = 0; i < tw_command_count; i++) {
            if (strcmp(tw_command_table[i].group, groups[g].group) == 0)
                printf("  %-10s %s\n", tw_command_table[i].name, tw_command_table[i].summary);
        }
    }
    printf("\n`topwork help COMMAND` tells more.\n");
}

static void show_option(const struct tw_option *option)
{
    char spelling[80], letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(spelling, sizeof spelling, "%s--%s%s%s", letter, option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    if (strlen(spelling) > COLUMN)
        printf("  %s\n  %-*s %s\n", spelling, COLUMN, "", option->help);
    else
        printf("  %-*s %s\n", COLUMN, spelling, option->help);
}

void tw_help_command(const struct tw_command *command)
{
    printf("usage: topwork %s %s\n\n%s\n", command->name, command->usage, command->summary);
    if (command->details != NULL)
        printf("\n%s\n", command->details);
    printf("\noptions\n");
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++)
        show_option(&tw_option_table[command->options[i]]);
    show_option(&tw_option_table[TW_OPTION_HELP]);
}
