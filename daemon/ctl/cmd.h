/*
 * The commands; each stands in its own file with its table.
 */
#ifndef GPUFLEET_CTL_CMD_H
#define GPUFLEET_CTL_CMD_H

#include "ctl/ctl.h"

extern const struct command command_offers, command_gpus, command_up, command_extend, command_resolve, command_trust, command_budget, command_forecast,
    command_what_if,
    command_status, command_down, command_ssh, command_exec,
    command_run, command_runs, command_logs, command_results, command_cancel, command_wait, command_cost, command_events,
    command_why, command_providers, command_recipes, command_doctor, command_version, command_init, command_completion,
    command_volumes, command_snapshots, command_prepare, command_presets, command_forward, command_serve,
    command_help, command_token, command_audit, command_cp, command_compare, command_diff, command_campaign;

/* The table of `providers`, for `init`. */
void providers_print(const json_t *list, FILE *to);

#endif
