// makedump: command line → job → dump; prints the one error; exit status. It also answers to the
// name makedumpfile. Not a main(), as the capture image has it in the same file as kdump-capture.
#pragma once

namespace kdump {

int makedump_main(int argc, char** argv);

}  // namespace kdump
