/*
 * The cells of a campaign: its matrix multiplied out, without what `exclude` names, with what `include` adds, as `override` changes
 * them. Mistakes are said to the parser, with line and column.
 */
#ifndef GPUFLEET_CONFIG_CELLS_H
#define GPUFLEET_CONFIG_CELLS_H

#include "config/campaign.h"
#include "config/private.h"

#define CELL_INSTANCES_MAX 100

/* Into c->cells; `base` is what every cell begins with. */
void cells_read(struct parse *p, const struct node *root, const struct cell *base, struct campaign_file *c);
void cell_free(struct cell *c);

/* A parameter as the recipe calls it: "max-model_len" is MAX_MODEL_LEN. False: no recipe can call one so. */
bool cell_parameter(const char *key, char out[64]);
/* "MI300X:8" */
bool cell_put_gpu(struct cell *c, const char *text);
/* gpu, instances, provider and region say where; every other key is a parameter. NULL: the map says nothing of where. */
const struct node *cell_place(const struct node *map);
/* All values of a map; false: some were mistakes. */
bool cell_put_map(struct parse *p, struct cell *c, const struct node *map);

#endif
