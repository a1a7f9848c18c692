# How the program of the capture image is linked.
#
# A library in the image takes all of its size from the memory that was set aside, a static program
# only what it uses: with Debian 12's libraries 2 MiB instead of 11. Not every distribution ships
# archives, so whether it can be done is found out by doing it; without, the image holds shared
# libraries, and all else is as it was.
include(CheckCXXSourceCompiles)

# What archives need besides is in the static lists. -l:libx.a is the archive also where the rest is
# linked dynamically.
set(archives "")
foreach(package LIBELF LIBBLKID ZSTD DEFLATE LZO)
  set(${package}_ARCHIVES "")
  foreach(library ${${package}_STATIC_LIBRARIES})
    list(APPEND ${package}_ARCHIVES -l:lib${library}.a)
  endforeach()
  list(APPEND archives ${${package}_ARCHIVES})
endforeach()
list(APPEND archives -l:libsnappy.a)

# Sanitizers do not go into static programs.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX_FLAGS_${build_type}}")
set(CMAKE_REQUIRED_LIBRARIES ${archives})
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
check_cxx_source_compiles("
  #include <string>
  #include <thread>
  extern \"C\" void elf_memory(), elf_getphdrnum(), blkid_new_probe_from_filename(), blkid_do_safeprobe(),
    ZSTD_compress2(), libdeflate_zlib_compress(), lzo1x_1_compress();
  int main(int argc, char** argv) {
    std::thread thread([] {});
    thread.join();
    elf_memory(); elf_getphdrnum(); blkid_new_probe_from_filename(); blkid_do_safeprobe();
    ZSTD_compress2(); libdeflate_zlib_compress(); lzo1x_1_compress();
    return static_cast<int>(std::string(argv[argc - 1]).size());
  }" KDUMP_STATIC_PROGRAM)
unset(CMAKE_REQUIRED_LIBRARIES)
set(CMAKE_REQUIRED_LINK_OPTIONS -static-libstdc++ -static-libgcc)
check_cxx_source_compiles("
  #include <string>
  int main(int argc, char** argv) { return static_cast<int>(std::string(argv[argc - 1]).size()); }"
  KDUMP_STATIC_RUNTIME)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
unset(CMAKE_REQUIRED_FLAGS)

# Only the programs of the image have archives: the host's are updated with the host's libraries.
function(use_archives target archives)
  get_target_property(shared ${target} INTERFACE_LINK_LIBRARIES)
  set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES
    "$<IF:$<BOOL:$<TARGET_PROPERTY:KDUMP_ARCHIVES>>,${archives},${shared}>")
endfunction()
if(KDUMP_STATIC_PROGRAM)
  foreach(package LIBELF LIBBLKID ZSTD DEFLATE LZO)
    use_archives(PkgConfig::${package} "${${package}_ARCHIVES}")
  endforeach()
  use_archives(kdump_snappy -l:libsnappy.a)
endif()

# kdump_image_program(target [SHARED]): as small as the libraries that are here allow. SHARED: it
# needs a library of which there is no archive.
function(kdump_image_program target)
  set_target_properties(${target} PROPERTIES
    KDUMP_ARCHIVES "${KDUMP_STATIC_PROGRAM}" KDUMP_IMAGE_PROGRAM TRUE)
  if(KDUMP_STATIC_PROGRAM AND NOT "SHARED" IN_LIST ARGN)
    target_link_options(${target} PRIVATE -static)
  elseif(KDUMP_STATIC_RUNTIME)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
