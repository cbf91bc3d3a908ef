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

enum tw_exit tw_command_train(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_embed(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_evaluate(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_predict(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_explain(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_logs(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_backbone(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_models(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_label(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_serve(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_check(const struct tw_arguments *arguments, struct tw_console *console);
enum tw_exit tw_command_records(const struct tw_arguments *arguments, struct tw_console *console);

/* `topwork help`, `topwork help COMMAND`, `topwork COMMAND --help`: to standard output. */
void tw_help_overview(void);
void tw_help_command(const struct tw_command *command);

#endif
