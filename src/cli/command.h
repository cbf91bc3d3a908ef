/* The commands: one file and one table line each. */
#ifndef TW_CLI_COMMAND_H
#define TW_CLI_COMMAND_H

#include "cli/arguments.h"
#include "cli/console.h"

struct tw_command {
    const char *name;
    const char *group;                /* what people want to do: `topwork help` lists by it */
    const char *usage;                /* after "topwork NAME " */
    const char *summary;              /* one line */
    const char *details;              /* paragraphs for its help and man page; NULL: none */
    const enum tw_option_id *options; /* ends with TW_OPTION_COUNT */
    size_t least_operands;
    enum tw_exit (*run)(const struct tw_arguments *arguments, struct tw_console *console);
};
extern const struct tw_command tw_command_table[];
extern const size_t tw_command_count;

struct tw_command_group {
    const char *name, *title;
};
extern const struct tw_command_group tw_command_groups[];
extern const size_t tw_command_group_count;

enum { TW_VERB_SIZE = 32 };
/* The index-th word that may stand first after the command's name, as its usage has them ("list", "info"). false: no more. */
bool tw_command_verb(const struct tw_command *command, size_t index, char verb[TW_VERB_SIZE]);

enum tw_exit tw_command_train(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_embed(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_evaluate(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_predict(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_explain(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_logs(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_backbone(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_models(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_export(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_verify(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_label(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_serve(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_check(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_records(const struct tw_arguments *arguments, struct tw_console *console);

/* `topwork help`, `topwork help COMMAND`, `topwork COMMAND --help`: to standard output. */
void tw_help_overview(void);
void tw_help_command(const struct tw_command *command);

/* The man page of a command, or of topwork itself (NULL), as roff with the macros of man(7), to standard output. */
void tw_manual(const struct tw_command *command);
/* What makes bash, zsh or fish complete command lines, to standard output. false: there is none for this shell. */
bool tw_completion(const char *shell);

#endif
