/* Man pages out of the tables, in the macros of man(7). */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

/* Text as roff takes it: a dash is a minus, so that an option can be copied; no line begins with a control character. */
static void put_text(const char *text)
{
    bool is_line_start = true;
    for (; *text != 0; text++) {
        if (is_line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        is_line_start = *text == '\n';
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '`')
            fputs("\\(ga", stdout);
        else
            putchar(*text);
    }
}

static void put_line(const char *text)
{
    put_text(text);
    putchar('\n');
}

static void put_option(const struct tw_option *option)
{
    printf(".TP\n");
    if (option->letter != 0)
        printf("\\fB\\-%c\\fR, ", option->letter);
    printf("\\fB\\-\\-");
    put_text(option->name);
    printf("\\fR");
    if (option->argument != NULL) {
        printf(" \\fI");
        put_text(option->argument);
        printf("\\fR");
    }
    putchar('\n');
    put_line(option->help);
}

/* Alternatives of a usage, one a line. */
static void put_usage(const struct tw_command *command)
{
    for (const char *at = command->usage; at != NULL;) {
        char way[512];
        const char *end = strstr(at, " | ");
        snprintf(way, sizeof way, "%.*s", (int)(end != NULL ? end - at : (long)strlen(at)), at);
        printf("%s\\fBtopwork %s\\fR ", at == command->usage ? "" : ".br\n", command->name);
        put_line(way);
        at = end != NULL ? end + 3 : NULL;
    }
}

static void put_exits(void)
{
    static const struct {
        enum tw_exit code;
        const char *meaning;
    } exits[] = {
        {TW_EXIT_DONE, "done, every input used"},
        {TW_EXIT_NO, "done, and the answer is no"},
        {TW_EXIT_USAGE, "wrong usage"},
        {TW_EXIT_SKIPPED, "done, some inputs were skipped: they are named in audit.csv or on standard error"},
        {TW_EXIT_UNUSABLE, "an input is unusable: model, records, list, or every photo"},
        {TW_EXIT_SYSTEM, "the system said no: disk, memory, network"},
        {TW_EXIT_INTERRUPTED, "interrupted; the same command goes on from there"},
    };
    printf(".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        printf(".TP\n\\fB%d\\fR\n", (int)exits[i].code);
        put_line(exits[i].meaning);
    }
}

static void put_environment(void)
{
    static const struct {
        const char *name, *meaning;
    } variables[] = {
        {"TOPWORK_CACHE",
         "folder of embeddings that were computed before; else topwork below XDG_CACHE_HOME or ~/.cache"},
        {"TOPWORK_LABEL_MODEL",
         "the model of `topwork label`; else topwork/label.onnx below XDG_DATA_HOME or ~/.local/share"},
        {"TF_CONFIG", "role and task, as job scripts for TensorFlow set it"},
    };
    printf(".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        printf(".TP\n\\fB%s\\fR\n", variables[i].name);
        put_line(variables[i].meaning);
    }
}

static void put_overview(void)
{
    printf(".TH TOPWORK 1 \"\" \"topwork " TW_VERSION "\" \"topwork manual\"\n.SH NAME\n"
           "topwork \\- your labelled photos to your own image classifier\n"
           ".SH SYNOPSIS\n\\fBtopwork\\fR \\fICOMMAND\\fR [options] \\fIARGUMENTS\\fR\n.SH DESCRIPTION\n");
    put_line("A pretrained network, the backbone, turns each photo into an embedding; a small head learns your classes "
             "from embeddings. Both leave as one model file, which answers for new photos here and over HTTP.");
    for (size_t g = 0; g < tw_command_group_count; g++) {
        printf(".SS %s\n", tw_command_groups[g].title);
        for (size_t i = 0; i < tw_command_count; i++) {
            if (strcmp(tw_command_table[i].group, tw_command_groups[g].name) != 0)
                continue;
            printf(".TP\n\\fBtopwork\\-%s\\fR(1)\n", tw_command_table[i].name);
            put_line(tw_command_table[i].summary);
        }
    }
    printf(".SH EXAMPLE\n.nf\n");
    put_line("topwork check photos/\ntopwork train photos/ -o run/\ntopwork predict run/ new.jpg\ntopwork serve run/");
    printf(".fi\n");
    put_exits();
    put_environment();
}

void tw_manual(const struct tw_command *command)
{
    if (command == NULL) {
        put_overview();
        return;
    }
    printf(".TH TOPWORK\\-");
    for (const char *at = command->name; *at != 0; at++)
        putchar(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    printf(" 1 \"\" \"topwork " TW_VERSION "\" \"topwork manual\"\n.SH NAME\ntopwork\\-%s \\- ", command->name);
    put_line(command->summary);
    printf(".SH SYNOPSIS\n");
    put_usage(command);
    printf(".SH DESCRIPTION\n");
    put_line(command->details != NULL ? command->details : command->summary);
    printf(".SH OPTIONS\n");
    for (size_t i = 0; command->options[i] != TW_OPTION_COUNT; i++)
        put_option(&tw_option_table[command->options[i]]);
    put_option(&tw_option_table[TW_OPTION_HELP]);
    put_exits();
    printf(".SH SEE ALSO\n\\fBtopwork\\fR(1)\n");
}
