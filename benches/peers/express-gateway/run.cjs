// Runs Express Gateway with the configuration beside this script. `NODE_PATH` says where it is installed.
require("express-gateway")().load(__dirname).run();
