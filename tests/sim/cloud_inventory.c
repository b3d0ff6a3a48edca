/*
 * What the simulated clouds sell when nobody says otherwise. The same JSON, per cloud, is what --inventory takes; `gpu` is
 * always a name of cloud_gpu.c, `balance` the prepaid dollars of the account.
 */
#include "cloud.h"

/* clang-format off */

/*
 * price_cents: for the whole machine and hour. minimum_minutes is charged at create. `gpu` is a name of cloud_gpu.c. kind is
 * vm or bare_metal. ram and disk are bytes.
 */
const char hotaisle_inventory[] =
    "{\"balance\":500,\"maximum_virtual_machines\":8,\"maximum_bare_metal_servers\":1,\"offers\":["
    "{\"kind\":\"vm\",\"gpu\":\"MI300X\",\"count\":1,\"stock\":6,\"price_cents\":299,"
    "\"minimum_minutes\":1,\"cpu\":\"Xeon Platinum 8462Y+\",\"cpus\":1,\"cores\":8,"
    "\"hertz\":2800000000,\"ram\":240518168576,\"disk\":13194139533312},"
    "{\"kind\":\"vm\",\"gpu\":\"MI300X\",\"count\":1,\"stock\":6,\"price_cents\":299,"
    "\"minimum_minutes\":1,\"cpu\":\"Xeon Platinum 8470\",\"cpus\":1,\"cores\":13,"
    "\"hertz\":2000000000,\"ram\":240518168576,\"disk\":13194139533312},"
    "{\"kind\":\"vm\",\"gpu\":\"MI300X\",\"count\":2,\"stock\":2,\"price_cents\":598,"
    "\"minimum_minutes\":60,\"cpu\":\"Xeon Platinum 8470\",\"cpus\":1,\"cores\":26,"
    "\"hertz\":2000000000,\"ram\":481036337152,\"disk\":13194139533312},"
    "{\"kind\":\"vm\",\"gpu\":\"MI300X\",\"count\":4,\"stock\":1,\"price_cents\":1196,"
    "\"minimum_minutes\":120,\"cpu\":\"Xeon Platinum 8470\",\"cpus\":1,\"cores\":52,"
    "\"hertz\":2000000000,\"ram\":962072674304,\"disk\":13194139533312},"
    "{\"kind\":\"bare_metal\",\"gpu\":\"MI300X\",\"count\":8,\"stock\":1,\"price_cents\":2712,"
    "\"minimum_minutes\":480,\"cpu\":\"Xeon Platinum 8470\",\"cpus\":2,\"cores\":104,"
    "\"hertz\":2000000000,\"ram\":2199023255552,\"disk\":131941395333120}"
    "]}";

/*
 * Prices are dollars per GPU and hour; 0 or absent: not sold on that cloud. stock: free GPUs per data center. `gpu` is a
 * name of cloud_gpu.c.
 */
const char runpod_inventory[] =
    "{\"balance\":500,\"gpus\":["
    "{\"id\":\"AMD Instinct MI300X OAM\",\"name\":\"MI300X\",\"gpu\":\"MI300X\","
    "\"manufacturer\":\"AMD\",\"memory\":192,\"secure\":1.99,\"stock\":{\"EU-RO-1\":16}},"
    "{\"id\":\"NVIDIA H100 80GB HBM3\",\"name\":\"H100 SXM\",\"gpu\":\"H100\","
    "\"pool\":\"ADA_80_PRO\",\"memory\":80,\"secure\":2.99,\"community\":2.69,"
    "\"stock\":{\"US-KS-2\":16,\"CA-MTL-1\":4}},"
    "{\"id\":\"NVIDIA H100 PCIe\",\"name\":\"H100 PCIe\",\"gpu\":\"H100 PCIe\","
    "\"pool\":\"ADA_80_PRO\",\"memory\":80,\"secure\":2.39,\"community\":1.99,"
    "\"stock\":{\"US-KS-2\":4}},"
    "{\"id\":\"NVIDIA H100 NVL\",\"name\":\"H100 NVL\",\"gpu\":\"H100 NVL\",\"memory\":94,"
    "\"secure\":2.79,\"stock\":{\"US-KS-2\":0}},"
    "{\"id\":\"NVIDIA H200\",\"name\":\"H200 SXM\",\"gpu\":\"H200\",\"pool\":\"HOPPER_141\","
    "\"memory\":141,\"secure\":3.99,\"stock\":{\"US-CA-2\":8}},"
    "{\"id\":\"NVIDIA B200\",\"name\":\"B200\",\"gpu\":\"B200\",\"memory\":180,\"secure\":5.98,"
    "\"stock\":{\"US-CA-2\":8}},"
    "{\"id\":\"NVIDIA A100-SXM4-80GB\",\"name\":\"A100 SXM\",\"gpu\":\"A100\",\"pool\":\"AMPERE_80\","
    "\"memory\":80,\"secure\":1.74,\"community\":1.39,\"stock\":{\"US-KS-2\":8,\"EU-RO-1\":8}},"
    "{\"id\":\"NVIDIA L40S\",\"name\":\"L40S\",\"gpu\":\"L40S\",\"memory\":48,\"secure\":0.86,"
    "\"community\":0.79,\"stock\":{\"EU-RO-1\":8}},"
    "{\"id\":\"NVIDIA GeForce RTX 4090\",\"name\":\"RTX 4090\",\"gpu\":\"RTX 4090\","
    "\"pool\":\"ADA_24\",\"memory\":24,\"secure\":0.69,\"community\":0.34,\"stock\":{\"EU-RO-1\":32,"
    "\"US-IL-1\":32}}"
    "],\"dataCenters\":["
    "{\"id\":\"EU-RO-1\",\"name\":\"EU Romania 1\",\"region\":\"EUROPE\",\"globalNetwork\":true,"
    "\"networkVolumeTypes\":[\"STANDARD\"],\"compliance\":[\"GDPR\"]},"
    "{\"id\":\"US-KS-2\",\"name\":\"US Kansas 2\",\"region\":\"NORTH_AMERICA\","
    "\"globalNetwork\":true,\"networkVolumeTypes\":[\"STANDARD\"],\"compliance\":[]},"
    "{\"id\":\"US-CA-2\",\"name\":\"US California 2\",\"region\":\"NORTH_AMERICA\","
    "\"globalNetwork\":false,\"networkVolumeTypes\":[\"STANDARD\"],\"compliance\":[]},"
    "{\"id\":\"US-IL-1\",\"name\":\"US Illinois 1\",\"region\":\"NORTH_AMERICA\","
    "\"globalNetwork\":true,\"networkVolumeTypes\":[],\"compliance\":[]},"
    "{\"id\":\"CA-MTL-1\",\"name\":\"CA Montreal 1\",\"region\":\"NORTH_AMERICA\","
    "\"globalNetwork\":true,\"networkVolumeTypes\":[],\"compliance\":[]}"
    "]}";

/*
 * price: dollars per droplet and hour. stock: droplets per region; a region that is not named does not sell the size. `gpu`
 * is a name of cloud_gpu.c, "" for a CPU size. minimum_seconds: the least billed time of a droplet.
 */
const char ocean_inventory[] =
    "{\"balance\":1000,\"droplet_limit\":25,\"gpu_limit\":64,\"minimum_seconds\":60,\"sizes\":["
    "{\"slug\":\"s-1vcpu-1gb\",\"gpu\":\"\",\"count\":0,\"vcpus\":1,\"memory\":1024,\"disk\":25,"
    "\"transfer\":1,\"price\":0.00893,\"stock\":{\"tor1\":100,\"nyc2\":100,\"atl1\":100}},"
    "{\"slug\":\"gpu-mi300x1-192gb\",\"gpu\":\"MI300X\",\"model\":\"amd_mi300x\",\"count\":1,"
    "\"vcpus\":20,\"memory\":245760,\"disk\":720,\"scratch\":5120,\"vram\":192,\"price\":2.59,"
    "\"stock\":{\"atl1\":4,\"tor1\":2}},"
    "{\"slug\":\"gpu-mi300x8-1536gb\",\"gpu\":\"MI300X\",\"model\":\"amd_mi300x\",\"count\":8,"
    "\"vcpus\":160,\"memory\":1966080,\"disk\":2046,\"scratch\":40960,\"vram\":1536,\"price\":20.72,"
    "\"stock\":{\"atl1\":2}},"
    "{\"slug\":\"gpu-mi325x1-256gb\",\"gpu\":\"MI325X\",\"model\":\"amd_mi325x\",\"count\":1,"
    "\"vcpus\":20,\"memory\":167936,\"disk\":720,\"scratch\":5120,\"vram\":256,\"price\":3.8,"
    "\"stock\":{\"nyc2\":2,\"tor1\":2}},"
    "{\"slug\":\"gpu-mi325x8-2048gb\",\"gpu\":\"MI325X\",\"model\":\"amd_mi325x\",\"count\":8,"
    "\"vcpus\":160,\"memory\":1341440,\"disk\":2046,\"scratch\":40960,\"vram\":2048,\"price\":30.4,"
    "\"stock\":{\"nyc2\":1}},"
    "{\"slug\":\"gpu-h100x1-80gb\",\"gpu\":\"H100\",\"model\":\"nvidia_h100\",\"count\":1,"
    "\"vcpus\":20,\"memory\":245760,\"disk\":720,\"scratch\":5120,\"vram\":80,\"price\":4.41,"
    "\"stock\":{\"nyc2\":4,\"tor1\":4}},"
    "{\"slug\":\"gpu-h100x8-640gb\",\"gpu\":\"H100\",\"model\":\"nvidia_h100\",\"count\":8,"
    "\"vcpus\":160,\"memory\":1966080,\"disk\":2046,\"scratch\":40960,\"vram\":640,\"price\":35.28,"
    "\"stock\":{\"nyc2\":2}},"
    "{\"slug\":\"gpu-h200x1-141gb\",\"gpu\":\"H200\",\"model\":\"nvidia_h200\",\"count\":1,"
    "\"vcpus\":24,\"memory\":245760,\"disk\":720,\"scratch\":5120,\"vram\":141,\"price\":4.47,"
    "\"stock\":{\"atl1\":2}},"
    "{\"slug\":\"gpu-h200x8-1128gb\",\"gpu\":\"H200\",\"model\":\"nvidia_h200\",\"count\":8,"
    "\"vcpus\":192,\"memory\":1966080,\"disk\":2046,\"scratch\":40960,\"vram\":1128,\"price\":35.76,"
    "\"stock\":{}},"
    "{\"slug\":\"gpu-l40sx1-48gb\",\"gpu\":\"L40S\",\"model\":\"nvidia_l40s\",\"count\":1,"
    "\"vcpus\":8,\"memory\":65536,\"disk\":500,\"scratch\":0,\"vram\":48,\"price\":1.57,"
    "\"stock\":{\"tor1\":4}}"
    "],\"regions\":["
    "{\"name\":\"Atlanta 1\",\"slug\":\"atl1\"},"
    "{\"name\":\"Toronto 1\",\"slug\":\"tor1\"},"
    "{\"name\":\"New York 2\",\"slug\":\"nyc2\"},"
    "{\"name\":\"Amsterdam 3\",\"slug\":\"ams3\"}"
    "],\"images\":["
    "{\"id\":189723042,\"name\":\"AMD AI/ML Ready\",\"distribution\":\"Ubuntu\","
    "\"slug\":\"gpu-amd-base\",\"public\":true,\"regions\":[\"atl1\",\"tor1\",\"nyc2\"],"
    "\"type\":\"base\",\"min_disk_size\":30,\"status\":\"available\",\"drivers\":\"amd\"},"
    "{\"id\":189723043,\"name\":\"NVIDIA AI/ML Ready\",\"distribution\":\"Ubuntu\","
    "\"slug\":\"gpu-h100x1-base\",\"public\":true,\"regions\":[\"atl1\",\"tor1\",\"nyc2\"],"
    "\"type\":\"base\",\"min_disk_size\":30,\"status\":\"available\",\"drivers\":\"nvidia\"},"
    "{\"id\":189723044,\"name\":\"NVIDIA AI/ML Ready with NVLink\",\"distribution\":\"Ubuntu\","
    "\"slug\":\"gpu-h100x8-base\",\"public\":true,\"regions\":[\"atl1\",\"tor1\",\"nyc2\"],"
    "\"type\":\"base\",\"min_disk_size\":30,\"status\":\"available\",\"drivers\":\"nvidia\"},"
    "{\"id\":160232537,\"name\":\"24.04 (LTS) x64\",\"distribution\":\"Ubuntu\","
    "\"slug\":\"ubuntu-24-04-x64\",\"public\":true,\"regions\":[\"atl1\",\"tor1\",\"nyc2\",\"ams3\"],"
    "\"type\":\"base\",\"min_disk_size\":7,\"status\":\"available\"}"
    "]}";

/*
 * price: dollars per hour for all GPUs of the offer. many: how many such offers, each on another host and up to a tenth
 * dearer. `gpu` is a name of cloud_gpu.c. days: until the host takes the machine back. volume_gb, volume_price: what the
 * machine has for volumes, and dollars per GB and month; inet_up_cost, inet_down_cost: dollars per GB of traffic.
 */
const char vast_inventory[] =
    "{\"balance\":100,\"offers\":["
    "{\"gpu_name\":\"H100 SXM\",\"gpu\":\"H100\",\"num_gpus\":1,\"price\":2.4,\"many\":4},"
    "{\"gpu_name\":\"H100 SXM\",\"gpu\":\"H100\",\"num_gpus\":8,\"price\":18.8,\"many\":2},"
    "{\"gpu_name\":\"H100 PCIE\",\"gpu\":\"H100 PCIe\",\"num_gpus\":1,\"price\":2.05,\"many\":3,"
    "\"geolocation\":\"Quebec, CA\"},"
    "{\"gpu_name\":\"H200\",\"gpu\":\"H200\",\"num_gpus\":1,\"price\":3.2,\"many\":2,"
    "\"geolocation\":\"Sweden, SE\"},"
    "{\"gpu_name\":\"H200\",\"gpu\":\"H200\",\"num_gpus\":8,\"price\":25.1},"
    "{\"gpu_name\":\"A100 SXM4\",\"gpu\":\"A100\",\"num_gpus\":1,\"price\":1.1,\"many\":3},"
    "{\"gpu_name\":\"L40S\",\"gpu\":\"L40S\",\"num_gpus\":1,\"price\":0.62,\"many\":3},"
    "{\"gpu_name\":\"InstinctMI210\",\"gpu\":\"MI210\",\"num_gpus\":1,\"price\":0.8,\"many\":2,"
    "\"geolocation\":\"Iceland, IS\"},"
    "{\"gpu_name\":\"InstinctMI210\",\"gpu\":\"MI210\",\"num_gpus\":4,\"price\":3.1,"
    "\"geolocation\":\"Iceland, IS\"},"
    "{\"gpu_name\":\"RTX 4090\",\"gpu\":\"RTX 4090\",\"num_gpus\":1,\"price\":0.3,\"many\":80},"
    "{\"gpu_name\":\"RTX 4090\",\"gpu\":\"RTX 4090\",\"num_gpus\":1,\"price\":0.19,\"many\":6,"
    "\"verified\":false,\"reliability\":0.71,\"inet_down\":42,\"datacenter\":false},"
    "{\"gpu_name\":\"RTX 4090\",\"gpu\":\"RTX 4090\",\"num_gpus\":4,\"price\":1.25,\"many\":3,"
    "\"days\":1}"
    "]}";

/* clang-format on */
