# What `cmake --install` puts where: command, libraries, headers, module, package files.
include(CMakePackageConfigHelpers)
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Kiln)

set(INSTALLED ${KILN_LIBRARIES})
if(TARGET kiln_runtime)
  list(APPEND INSTALLED kiln_runtime)
endif()
install(TARGETS ${INSTALLED} EXPORT KilnTargets)
if(TARGET kiln)
  install(TARGETS kiln RUNTIME)
endif()
if(TARGET kiln-llvm)
  install(TARGETS kiln-llvm LIBRARY DESTINATION lib/kiln) # where libkiln looks for it
endif()
install(DIRECTORY include/kiln DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${RUNTIME_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kiln)

install(EXPORT KilnTargets NAMESPACE Kiln:: DESTINATION ${PACKAGE_DIR})
configure_package_config_file(cmake/KilnConfig.cmake.in KilnConfig.cmake
  INSTALL_DESTINATION ${PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(KilnConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/KilnConfig.cmake
              ${PROJECT_BINARY_DIR}/KilnConfigVersion.cmake cmake/KilnAddModel.cmake
        DESTINATION ${PACKAGE_DIR})
file(RELATIVE_PATH PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/kiln.pc.in kiln.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kiln.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
