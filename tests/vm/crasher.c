// Ways in which a kernel dies, for tests/vm/host: insmod crasher.ko how=oops|hung|lockup
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>

static char *how = "";
module_param(how, charp, 0444);

static int __init crasher_init(void)
{
	static int *volatile nowhere;

	if (!strcmp(how, "oops"))
		*nowhere = 1;
	if (!strcmp(how, "hung"))
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule();
		}
	if (!strcmp(how, "lockup")) {
		preempt_disable();
		for (;;)
			cpu_relax();
	}
	return -EINVAL;
}
module_init(crasher_init);

MODULE_DESCRIPTION("Ways in which a kernel dies");
MODULE_LICENSE("GPL");
