#include "base/text.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

static const struct tw_command *find(const char *name)
{
    for (size_t i = 0; i < tw_command_count; i++) {
        if (strcmp(tw_command_table[i].name, name) == 0)
            return &tw_command_table[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    static const char *const others[] = {"help", "version"}; /* that the table does not have */
    const char *nearest = NULL;
    size_t least = 4, other_count = sizeof others / sizeof *others;
    for (size_t i = 0; i < tw_command_count + other_count; i++) {
        const char *candidate = i < other_count ? others[i] : tw_command_table[i - other_count].name;
        size_t distance = tw_edit_distance(name, candidate);
        if (distance < least)
            least = distance, nearest = candidate;
    }
    char shown[200];
    tw_printable(name, shown, sizeof shown);
    if (nearest != NULL)
        fprintf(stderr, "topwork: there is no command %s: did you mean %s?\n", shown, nearest);
    else
        fprintf(stderr, "topwork: there is no command %s: `topwork help` lists them\n", shown);
    return TW_EXIT_USAGE;
}

static int help(int count, char **names)
{
    bool is_manual = count > 0 && strcmp(names[0], "--man") == 0;
    if (count > 0 && strcmp(names[0], "--completion") == 0) {
        if (count < 2 || !tw_completion(names[1])) {
            fputs("topwork: help --completion needs a shell: bash, zsh or fish\n", stderr);
            return TW_EXIT_USAGE;
        }
        return fflush(stdout) == 0 ? TW_EXIT_DONE : TW_EXIT_SYSTEM;
    }
    names += is_manual, count -= is_manual;
    const struct tw_command *command = count > 0 ? find(names[0]) : NULL;
    if (count > 0 && command == NULL)
        return unknown_command(names[0]);
    if (is_manual)
        tw_manual(command);
    else if (command != NULL)
        tw_help_command(command);
    else
        tw_help_overview();
    return fflush(stdout) == 0 ? TW_EXIT_DONE : TW_EXIT_SYSTEM;
}

static int run(const struct tw_command *command, int count, char **argv)
{
    struct tw_arguments arguments = {0};
    struct tw_console console;
    struct tw_error error = {0};
    tw_console_init(&console, &arguments);
    if (tw_arguments_read(command, count, argv, &arguments, &error) != TW_OK)
        return tw_console_fail(&console, &error);
    tw_console_init(&console, &arguments);
    int code;
    if (tw_has(&arguments, TW_OPTION_HELP)) {
        tw_help_command(command);
        code = TW_EXIT_DONE;
    } else if (arguments.operand_count < command->least_operands) {
        fprintf(stderr, "topwork: %s needs more arguments: topwork %s %s\n", command->name, command->name,
                command->usage);
        code = TW_EXIT_USAGE;
    } else {
        code = command->run(&arguments, &console);
        tw_console_settle(&console);
    }
    tw_arguments_release(&arguments);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        tw_help_overview();
        return TW_EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        puts("topwork " TW_VERSION);
        return TW_EXIT_DONE;
    }
    const struct tw_command *command = find(argv[1]);
    return command != NULL ? run(command, argc - 2, argv + 2) : unknown_command(argv[1]);
}
