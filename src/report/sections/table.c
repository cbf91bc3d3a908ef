#include "report/sections/sections.h"

const struct tw_section *const tw_sections[] = {
    &tw_section_summary,  &tw_section_growth,  &tw_section_confusion, &tw_section_gallery,    &tw_section_classes,
    &tw_section_suspects, &tw_section_doubles, &tw_section_audit,     &tw_section_more,       &tw_section_calibration,
    &tw_section_choice,   &tw_section_curve,   &tw_section_usage,     &tw_section_provenance, NULL,
};

bool tw_section_has_metrics(const struct tw_report *report)
{
    return report->metrics && report->photo_count;
}
