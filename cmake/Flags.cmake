# kiln_flags(target): the project's C dialect, warnings and instrumentation.
# Floats are never contracted: interpreter and constant folding give the bits of the IR.
function(kiln_flags target)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON
                        C_EXTENSIONS OFF)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}
                             ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${target} PRIVATE -ffp-contract=off
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wimplicit-fallthrough)
  if(KILN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(KILN_SANITIZE)
    # gcc's null checks make it believe that a format may be NULL
    target_compile_options(${target} PRIVATE -fsanitize=${KILN_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-format-truncation)
    target_link_options(${target} PUBLIC -fsanitize=${KILN_SANITIZE})
  endif()
  if(KILN_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PUBLIC --coverage)
  endif()
endfunction()
set(CMAKE_C_FLAGS_RELEASE "-O2")
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
