/* Completion for shells out of the tables. Texts hold no single quotes but where escape() takes them. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

static const char *const also[][2] = {{"help", "what a command does"}, {"version", "which topwork this is"}};
enum { ALSO_COUNT = sizeof also / sizeof *also };

/* Into single quotes; zsh's specs also give a meaning to brackets and colons. */
static void escape(const char *text, const char *special)
{
    for (; *text != 0; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
            continue;
        }
        if (strchr(special, *text) != NULL)
            putchar('\\');
        putchar(*text);
    }
}

/* A choice's words, split by spaces. */
static void put_choices(const struct tw_option *option)
{
    for (const char *at = option->argument; *at != 0; at++)
        putchar(*at == '|' ? ' ' : *at);
}

static bool takes_file(const struct tw_option *option)
{
    return option->kind == TW_KIND_TEXT || option->kind == TW_KIND_TEXTS;
}

static bool takes_number(const struct tw_option *option)
{
    return option->kind == TW_KIND_INTEGER || option->kind == TW_KIND_NUMBER;
}

static void put_names(void)
{
    for (size_t i = 0; i < tw_command_count; i++)
        printf("%s ", tw_command_table[i].name);
    for (size_t i = 0; i < ALSO_COUNT; i++)
        printf("%s%s", also[i][0], i + 1 < ALSO_COUNT ? " " : "");
}

/* What the command of a line offers: options, verbs. */
static void put_bash_command(const struct tw_command *command)
{
    char verb[TW_VERB_SIZE];
    printf("    %s) verbs='", command->name);
    for (size_t i = 0; tw_command_verb(command, i, verb); i++)
        printf("%s%s", i > 0 ? " " : "", verb);
    printf("' options='");
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++)
        printf("--%s ", tw_option_table[command->options[i]].name);
    printf("--help' ;;\n");
}

static void put_bash(void)
{
    printf("# bash completion of topwork " TW_VERSION ", made by `topwork help --completion bash`\n"
           "_topwork() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verbs= options=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" = 1 ] || { [ \"$COMP_CWORD\" = 2 ] && [ \"$previous\" = help ]; }; then\n"
           "        COMPREPLY=($(compgen -W '");
    put_names();
    printf("' -- \"$current\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < tw_command_count; i++)
        put_bash_command(&tw_command_table[i]);
    printf("    esac\n    case $previous in\n");
    for (size_t i = 0; i < TW_OPTION_COUNT; i++) {
        const struct tw_option *option = &tw_option_table[i];
        if (option->kind != TW_KIND_CHOICE)
            continue;
        printf("    --%s) COMPREPLY=($(compgen -W '", option->name);
        put_choices(option);
        printf("' -- \"$current\")); return ;;\n");
    }
    printf("    ");
    for (size_t i = 0, count = 0; i < TW_OPTION_COUNT; i++) {
        if (takes_number(&tw_option_table[i]))
            printf("%s--%s", count++ > 0 ? "|" : "", tw_option_table[i].name);
    }
    printf(") compopt +o default; return ;;\n    esac\n"
           "    if [[ $current == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
           "    elif [ \"$COMP_CWORD\" = 2 ]; then\n"
           "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$current\"))\n"
           "    fi\n}\ncomplete -o default -F _topwork topwork\n");
}

/* One spec of _arguments: '(-o --output)'{-o,--output}'[help]:FOLDER:_files'. */
static void put_zsh_option(const struct tw_option *option)
{
    printf(" \\\n            ");
    const char *star = option->kind == TW_KIND_TEXTS ? "*" : "";
    if (option->letter != 0)
        printf("'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter, option->name);
    else
        printf("'%s--%s[", star, option->name);
    escape(option->help, "[]:\\");
    putchar(']');
    if (option->kind == TW_KIND_CHOICE) {
        printf(":%s:(", option->name);
        put_choices(option);
        putchar(')');
    } else if (option->kind != TW_KIND_FLAG) {
        printf(":%s:%s", option->name, takes_file(option) ? "_files" : " ");
    }
    putchar('\'');
}

static void put_zsh_command(const struct tw_command *command)
{
    char verb[TW_VERB_SIZE];
    printf("    %s)\n        _arguments -s -S", command->name);
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++)
        put_zsh_option(&tw_option_table[command->options[i]]);
    put_zsh_option(&tw_option_table[TW_OPTION_HELP]);
    if (tw_command_verb(command, 0, verb)) {
        printf(" \\\n            '1:verb:(");
        for (size_t i = 0; tw_command_verb(command, i, verb); i++)
            printf("%s%s", i > 0 ? " " : "", verb);
        printf(")'");
    }
    printf(" \\\n            '*:file:_files'\n        ;;\n");
}

static void put_zsh(void)
{
    printf("#compdef topwork\n# zsh completion of topwork " TW_VERSION ", made by `topwork help --completion zsh`\n"
           "_topwork_commands() {\n    local -a commands=(\n");
    for (size_t i = 0; i < tw_command_count + ALSO_COUNT; i++) {
        bool is_command = i < tw_command_count;
        printf("        '%s:", is_command ? tw_command_table[i].name : also[i - tw_command_count][0]);
        escape(is_command ? tw_command_table[i].summary : also[i - tw_command_count][1], ":\\");
        printf("'\n");
    }
    printf("    )\n    _describe command commands\n}\n"
           "_topwork() {\n    if (( CURRENT == 2 )) || { (( CURRENT == 3 )) && [[ $words[2] == help ]] }; then\n"
           "        _topwork_commands\n        return\n    fi\n"
           "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n");
    for (size_t i = 0; i < tw_command_count; i++)
        put_zsh_command(&tw_command_table[i]);
    printf(
        "    esac\n}\nif [ \"$funcstack[1]\" = _topwork ]; then _topwork \"$@\"; else compdef _topwork topwork; fi\n");
}

static void put_fish_option(const struct tw_command *command, const struct tw_option *option)
{
    printf("complete -c topwork -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->letter != 0)
        printf(" -s %c", option->letter);
    if (option->kind == TW_KIND_CHOICE) {
        printf(" -x -a '");
        put_choices(option);
        putchar('\'');
    } else if (option->kind != TW_KIND_FLAG) {
        printf(takes_file(option) ? " -r -F" : " -x");
    }
    printf(" -d '");
    escape(option->help, "\\");
    printf("'\n");
}

static void put_fish(void)
{
    printf("# fish completion of topwork " TW_VERSION ", made by `topwork help --completion fish`\n");
    for (size_t i = 0; i < tw_command_count + ALSO_COUNT; i++) {
        bool is_command = i < tw_command_count;
        printf("complete -c topwork -f -n __fish_use_subcommand -a %s -d '",
               is_command ? tw_command_table[i].name : also[i - tw_command_count][0]);
        escape(is_command ? tw_command_table[i].summary : also[i - tw_command_count][1], "\\");
        printf("'\n");
    }
    printf("complete -c topwork -f -n '__fish_seen_subcommand_from help' -a '");
    put_names();
    printf("'\n");
    for (size_t i = 0; i < tw_command_count; i++) {
        const struct tw_command *command = &tw_command_table[i];
        char verb[TW_VERB_SIZE];
        for (size_t v = 0; tw_command_verb(command, v, verb); v++)
            printf("complete -c topwork -n '__fish_seen_subcommand_from %s' -a %s\n", command->name, verb);
        for (size_t o = 0; command->options[o] != TW_OPTION_COUNT; o++)
            put_fish_option(command, &tw_option_table[command->options[o]]);
        put_fish_option(command, &tw_option_table[TW_OPTION_HELP]);
    }
}

bool tw_completion(const char *shell)
{
    static const struct {
        const char *shell;
        void (*put)(void);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].put();
            return true;
        }
    }
    return false;
}
