#include "ctl/ctl.h"

int main(int argc, char **argv)
{
	json_init();
	return ctl_main(argc, argv);
}
