# kiln_add_model(TARGET name MODEL file.yaml [WEIGHTS file.safetensors] [TRAIN] [BATCH n]
#                [TARGET_ISA name] [MATH fast|strict] [EMBED always|never|auto]
#                [PREFIX identifier] [SET key=value ...])
#
# Compiles a model to C as part of the build, and makes the static library `name` of it:
# link it, include "<prefix>.h". The prefix is the target's name unless given. The C, and
# the weights file where weights are not embedded, are in the target's property KILN_DIR.
function(kiln_add_model)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "TRAIN"
    "TARGET;MODEL;WEIGHTS;BATCH;TARGET_ISA;MATH;EMBED;PREFIX" "SET")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kiln_add_model: unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  foreach(needed TARGET MODEL)
    if(NOT ARG_${needed})
      message(FATAL_ERROR "kiln_add_model: ${needed} is missing")
    endif()
  endforeach()
  if(NOT KILN_EXECUTABLE)
    message(FATAL_ERROR "kiln_add_model: the command kiln was not found; "
                        "set KILN_EXECUTABLE to one that runs on this machine")
  endif()
  if(NOT ARG_PREFIX)
    string(MAKE_C_IDENTIFIER "${ARG_TARGET}" ARG_PREFIX)
  endif()

  set(dir "${CMAKE_CURRENT_BINARY_DIR}/${ARG_TARGET}.kiln")
  get_filename_component(model "${ARG_MODEL}" ABSOLUTE)
  set(command compile "${model}" -o "${dir}" --prefix "${ARG_PREFIX}")
  set(depends "${model}")
  if(ARG_WEIGHTS)
    get_filename_component(weights "${ARG_WEIGHTS}" ABSOLUTE)
    list(APPEND command -w "${weights}")
    list(APPEND depends "${weights}")
    if(NOT ARG_EMBED)
      set(ARG_EMBED always)
    endif()
  endif()
  if(ARG_TRAIN)
    list(APPEND command --train)
  endif()
  foreach(option BATCH=--batch TARGET_ISA=--target MATH=--math EMBED=--embed-weights)
    string(REPLACE "=" ";" option "${option}")
    list(GET option 0 key)
    list(GET option 1 flag)
    if(ARG_${key})
      list(APPEND command ${flag} "${ARG_${key}}")
    endif()
  endforeach()
  foreach(value IN LISTS ARG_SET)
    list(APPEND command --set "${value}")
  endforeach()

  set(source "${dir}/${ARG_PREFIX}.c")
  set(header "${dir}/${ARG_PREFIX}.h")
  add_custom_command(OUTPUT "${source}" "${header}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${dir}"
    COMMAND "${KILN_EXECUTABLE}" ${command}
    DEPENDS ${depends} "${KILN_EXECUTABLE}"
    COMMENT "Compiling model ${ARG_MODEL}" VERBATIM)
  add_library(${ARG_TARGET} STATIC "${source}" "${header}")
  target_include_directories(${ARG_TARGET} PUBLIC "${dir}")
  # generated code lives from -O2: give it where the build type says nothing
  target_compile_options(${ARG_TARGET} PRIVATE "$<$<CONFIG:>:-O2>")
  set_target_properties(${ARG_TARGET} PROPERTIES KILN_DIR "${dir}"
                        POSITION_INDEPENDENT_CODE ON)
endfunction()
